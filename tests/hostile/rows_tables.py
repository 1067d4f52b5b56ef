"""Tables and JSON: a researcher's own data, alignments, masks, taggers, metrics.json, tables, texts of stdin."""

import json
import lzma

from tests.hostile.rows_data import at

MINE = "prepare custom corpora/{} out"
ALIGN = "--alignments align.jsonl"
MASK = f"mask --data_dir data/train {ALIGN} --output_dir out"
SPLICE = f"splice --data_dir data/train {ALIGN} --output_dir out --number 9"
TAG = "pipeline understand --model_dir crf --data_dir data/flat_test --output_dir out --oracle"
ONE_WORD = '{"utt_id": "s-2", "words": [{"word": "stop", "start": %s, "end": %s, "case": "success"}]}\n'
DEEP = "[" * 100_000
HEAD = "audio,transcript,tree,split\n"
LINE = "../audio/s-1.wav,play blue moon,,train\n"


def jsonl(**fields: object) -> str:
    return json.dumps({"audio": "../audio/s-1.wav", "transcript": "play blue moon", "split": "train", **fields}) + "\n"


#: The second line of a table.
LINES = {
    "too few fields": ("../audio/s-1.wav,play\n", "2 fields where the header has 4"),
    "too many fields": ("../audio/s-1.wav,play,,train,\n", "5 fields where the header has 4"),
    "an open quote": ('../audio/s-1.wav,"play,,train', "unexpected end … check the quotes"),
    "a quote inside": ('../audio/s-1.wav,"play" it,,train\n', "',' expected … check the quotes"),
    "nothing said": (",,,train\n", "neither audio nor transcript"),
    "no words": (",...,,train\n", "no words in transcript '...'"),
    "a split of dots": ("../audio/s-1.wav,play,,..\n", "split '..' cannot name a folder; use letters"),
    "a split of slashes": ("../audio/s-1.wav,play,,a/b\n", "split 'a/b' cannot name a folder"),
    "a tree not closed": ("../audio/s-1.wav,play,[IN:PLAY play,train\n", "unclosed bracket"),
    "other words": ("../audio/s-1.wav,play,[IN:PLAY stop ],train\n", "the tree's words are 'stop', the transcript's"),
    "a slot as root": ("../audio/s-1.wav,play,[SL:PLAY play ],train\n", "the root is a slot"),
    "slots in slots": ("../audio/s-1.wav,play,[IN:A [SL:B [SL:C play ] ] ],train\n", "slot directly under slot"),
    "NUL": ("../audio/s-1.wav,pl\0ay,,train\n", ""),
}
ROWS: list = [
    (f"csv, {name}", MINE.format("mine.csv"), {"corpora/mine.csv": HEAD + line}, f"corpora/mine.csv:2: {wanted}")
    for name, (line, wanted) in LINES.items()
]
ROWS += [
    (f"tsv, {name}", MINE.format("mine.tsv"),
     {"corpora/mine.tsv": (HEAD + line).replace(",", "\t")}, f"corpora/mine.tsv:2: {wanted}".replace("check", ""))
    for name, (line, wanted) in LINES.items()
    if "quote" not in name
]  # fmt: skip
ROWS += [
    (f"csv, {name}", MINE.format("mine.csv"), {"corpora/mine.csv": content}, wanted)
    for name, content, wanted in (
        ("gone", None, "corpora/mine.csv: no such file or folder"),
        ("empty", "", "corpora/mine.csv: empty; its first line names the columns"),
        ("a header alone", HEAD, "corpora/mine.csv: no rows"),
        ("not UTF-8", (HEAD + "a,pl\xe4y,,train\n").encode("latin-1"), "corpora/mine.csv:2: byte b'\\xe4' is not UTF-8"),
        ("UTF-16", (HEAD + LINE).encode("utf-16"), "corpora/mine.csv:1: byte b'\\xff' is not UTF-8; convert"),
        ("two columns of a name", "audio,audio\na,b\n", "corpora/mine.csv:1: two columns are named 'audio'"),
        ("two names of a column", "audio,wav\na,b\n", "corpora/mine.csv:2: … second column"),
        ("a column unknown", "audio,words\na,b\n", "corpora/mine.csv:2: unknown column 'words'; the columns are"),
        ("no audio, no words", "speaker,split\na,train\n", "no column 'audio' and no column 'transcript'"),
        ("semicolons", HEAD.replace(",", ";") + LINE.replace(",", ";"), "unknown column"),
        ("a page", "<!DOCTYPE html>\n<html></html>\n", "corpora/mine.csv:2: unknown column"),
        ("an id twice", HEAD + LINE + LINE, "id 's-1' occurs twice: corpora/mine.csv:2 and corpora/mine.csv:3"),
        ("some without a split", HEAD + LINE + "../audio/s-2.wav,stop,,\n", "corpora/mine.csv:3: no split, while other"),
        ("some without a tree", HEAD + LINE + "../audio/s-2.wav,stop,[IN:S stop ],train\n", "corpora/mine.csv:2: no target"),
        ("some without audio", HEAD + LINE + ",stop,,train\n", "corpora/mine.csv:3: no "),
        ("audio gone", HEAD + LINE.replace("s-1", "s-9"), "no such file: corpora/../audio/s-9.wav"),
        ("test audio gone", HEAD + LINE.replace("s-1.wav", "s-9.wav").replace("train", "test"), "corpora/mine.csv:2"),
        ("a pipe", HEAD + LINE.replace("../audio/s-1.wav", "touch evil |"), "is a shell pipe"),
        ("8 kHz", HEAD + LINE.replace("s-1", "8k"), "corpora/../audio/8k.wav: 8000 Hz … --resample"),
        ("stereo", HEAD + LINE.replace("s-1", "stereo"), "corpora/../audio/stereo.wav: 2 channels … --mixdown"),
        ("too few to draw", "transcript\nplay\nstop\n", "corpora/mine.csv:2: … cannot be drawn from 2 transcripts"),
        ("in train and test", HEAD + LINE + LINE.replace("train", "test"), "corpora/mine.csv:3: … in another set too"),
        ("an intent alone", "transcript,intent,split\n,go,train\n", "corpora/mine.csv:2: neither audio nor transcript"),
        ("tree and intent", "transcript,tree,intent,split\ngo,[IN:A go ],a,train\n", "corpora/mine.csv:2: both a tree"),
        ("slots alone", "transcript,slots,split\ngo,a=go,train\n", "corpora/mine.csv:2: slots without an intent"),
        ("a slot not said", "transcript,intent,slots,split\ngo,a,b=home,train\n", "corpora/mine.csv:2: slot B: value 'home'"),
        ("slots of nothing", "transcript,intent,slots,split\ngo,a,home,train\n", "corpora/mine.csv:2: slots … expected name"),
        ("an intent of dots", "transcript,intent,split\ngo,???,train\n", "corpora/mine.csv:2: '???' cannot name an intent"),
        ("slots not JSON", "transcript;intent\n", "corpora/mine.csv: no rows"),
        ("a field of 20 MB", HEAD + "a" * 20_000_000 + ",,,\n", "corpora/mine.csv"),
    )
]  # fmt: skip
ROWS += [
    (f"jsonl, {name}", MINE.format("mine.jsonl"), {"corpora/mine.jsonl": content}, f"corpora/mine.jsonl:1: {wanted}")
    for name, content, wanted in (
        ("not JSON", "{audio: 1}\n", "not JSON"),
        ("cut", jsonl()[:-5] + "\n", "not JSON"),
        ("a list", "[1]\n", "a list where a JSON object is expected"),
        ("a text", '"x"\n', "a str where a JSON object is expected"),
        ("null", "null\n", "a NoneType where a JSON object is expected"),
        ("deep", DEEP + "\n", ""),
        ("deep slots", '{"transcript": "go", "intent": "a", "slots": ' + DEEP + "\n", ""),
        ("a key twice", '{"transcript": "go", "transcript": "stop"}\n', "an object has the key 'transcript' twice"),
        ("not a number", '{"transcript": "go", "speaker": NaN}\n', "NaN"),
        ("audio a list", jsonl(audio=["a.wav"]), "audio is"),
        ("words true", jsonl(transcript=True), "transcript is"),
        ("a split of numbers", jsonl(split={"a": 1}), "split is"),
        ("half a pair", jsonl(transcript="\ud800"), ""),
        ("NUL", jsonl(transcript="a\0b"), ""),
        ("a line end", jsonl(audio="", transcript="a", id="x\ny", speaker="z", tree="[IN:A a ]\n[IN:B b ]"), ""),
        ("slots of numbers", jsonl(intent="a", slots={"b": 7}), "slots"),
        ("slots of pairs", jsonl(intent="a", slots=[["b"]]), "slots"),
        ("an unknown key", jsonl(words="go"), "unknown column 'words'"),
        ("a huge number", '{"transcript": "go", "id": 1' + "0" * 5000 + "}\n", ""),
    )
]
ROWS += [
    ("jsonl, not UTF-8", MINE.format("mine.jsonl"), {"corpora/mine.jsonl": b"{}\n\xff\n"}, "corpora/mine.jsonl:2: byte"),
    ("jsonl, empty", MINE.format("mine.jsonl"), {"corpora/mine.jsonl": "\n"}, "corpora/mine.jsonl: no rows"),
    ("a table of Excel", "prepare custom corpora/mine.xlsx out", {"corpora/mine.xlsx": b"PK\3\4"}, "expected .csv, .tsv"),
    ("a folder of nothing", "prepare custom audio out", {}, "audio: neither a data dir nor a folder of data dirs"),
    ("its own source", "prepare custom data/train data", {}, "data/train"),
    ("a folder of somebody", "prepare custom corpora/mine.csv out", {"out/train/notes.txt": "mine"}, "out/train holds notes.txt", {"leaves": ("out/prepared", "out/dev*", "out/test*")}),
]  # fmt: skip
ROWS += [
    (f"alignments, {name}", MASK, {"align.jsonl": at(old, new)}, f"align.jsonl:2: {wanted}")
    for name, old, new, wanted in (
        ("not JSON", '{"utt_id": "s-2"', "{utt_id: s-2", "not"),
        ("no words", '"s-2", "words"', '"s-2", "wrods"', "not a JSON object"),
        ("no id", '"utt_id": "s-2"', '"utt": "s-2"', "not a JSON object"),
        ("twice", '"utt_id": "s-2"', '"utt_id": "s-1"', "utterance s-1 a second time"),
        ("an id that is a list", '"utt_id": "s-2"', '"utt_id": ["s-2"]', "not"),
        ("an id that is a number", '"utt_id": "s-2"', '"utt_id": 2', "not"),
    )
]
ROWS += [
    (f"alignments, {call.split()[0]}, {name}", call, {"align.jsonl": content}, f"align.jsonl:1: {wanted}")
    for call in (MASK, SPLICE, f"plot_mask data/train s-1 out.png {ALIGN}")
    for name, content, wanted in (
        ("a number for words", '{"utt_id": "s-2", "words": 7}\n', ""),
        ("words of no object", '{"utt_id": "s-2", "words": ["stop"]}\n', "s-2: word 0: not an object"),
        ("a list", "[1]\n", "not a JSON object"),
        ("a time that is none", ONE_WORD % ('"soon"', 1), "s-2: word 0 (stop): start and end are 'soon'"),
        ("backwards", ONE_WORD % (0.2, 0.1), "s-2: word 0 (stop): it ends at 0.1 s and starts at 0.2"),
        ("before the start", ONE_WORD % (-1, 0.1), "s-2: word 0 (stop)"),
        ("not a number", ONE_WORD % ("NaN", 1), ""),
        ("endless", ONE_WORD % (0, "Infinity"), ""),
        ("true", ONE_WORD % ("false", "true"), "s-2: word 0 (stop)"),
        ("deep", DEEP + "\n", ""),
        ("not UTF-8", b"\xff\xfe{}\n", "not"),
        ("an empty line", "\n", "not"),
    )
]
ROWS += [
    (f"alignments, {command}, {name}", call, {"align.jsonl": content}, wanted)
    for command, call in (("mask", MASK), ("splice", SPLICE))
    for name, content, wanted in (
        ("of other words", ONE_WORD.replace("stop", "go") % (0, 0.2), "s-2"),
        ("behind the audio", ONE_WORD % (0, 99), "s-2"),
        ("of other sets", ONE_WORD.replace("s-2", "s-9") % (0, 0.2), "other set … "),
    )
]
ROWS += [
    (f"masks, {name}", "plot_mask data/train s-1 out.png", {"data/train/masks.jsonl": content}, f"masks.jsonl{wanted}")
    for name, content, wanted in (
        ("not JSON", "x\n", ":1: not"),
        ("another", '{"utt_id": "s-2"}\n', ": no utterance s-1"),
        ("not UTF-8", b"\xff\n", ":1: not"),
        ("deep", DEEP, ":1:"),
        ("no spans", '{"utt_id": "s-1"}\n', ":1: not a mask; mask the set again"),
        ("times of no number", '{"utt_id": "s-1", "spans": [{"start": "a", "end": 1, "words": [], "indices": []}]}', ":1"),
    )
]  # fmt: skip
ROWS += [
    (f"tagger, {name}", TAG, {f"crf/{file}": content}, wanted)
    for name, file, content, wanted in (
        ("model.json gone", "model.json", None, "crf is not a trained tagger: it has no model.json"),
        ("not JSON", "model.json", "{", "crf/model.json"),
        ("a list", "model.json", "[]", "crf/model.json: names no known tagger"),
        ("foreign", "model.json", at('"crf"', '"gpt"'), "crf/model.json: names no known tagger"),
        ("not UTF-8", "model.json", b"\xff", "crf/model.json"),
        ("deep", "model.json", DEEP, "crf/model.json"),
        ("a tagger of lists", "model.json", '{"tagger": [], "files": {}}', "crf/model.json"),
        ("outside", "model.json", at('"tagger.crfsuite"', '"../ref"'), "'../ref' is not a file of this folder"),
        ("no file", "model.json", '{"tagger": "crf", "files": {}}', "crf"),
        ("gone", "tagger.crfsuite", None, "crf/tagger.crfsuite is not the file that training wrote"),
        ("another", "tagger.crfsuite", b"x", "crf/tagger.crfsuite is not the file that training wrote; train again"),
    )
]
#: metrics.json, the second of two.
METRICS = {
    "gone": (None, "b.json: No such file"),
    "empty": ("", "b.json"),
    "not JSON": ("{", "b.json"),
    "a list": ("[]", "b.json: not a metrics.json of form 1"),
    "deep": (DEEP, "b.json"),
    "not UTF-8": (b"\xff", "b.json"),
    "another form": (at('"form": 1', '"form": 2'), "b.json: not a metrics.json of form 1"),
    "no counts": (at('"counts"', '"count"'), "b.json: not a metrics.json of form 1"),
    "no columns": (at('"columns"', '"column"'), "b.json"),
    "a column too short": (at('"utterances": [1,1,1,1]', '"utterances": [1,1,1]'), "b.json"),
    "a column of texts": (at('"utterances": [1,1,1,1]', '"utterances": ["1",1,1,1]'), "b.json"),
    "an id twice": (at('"s-1","s-2"', '"s-2","s-2"'), "b.json"),
    "ids unsorted": (at('"s-1","s-2"', '"s-2","s-1"'), "b.json"),
    "an id more": (at('["s-1",', '["a","s-1",'), "b.json"),
    "another id": (at('"t-1"]', '"t-2"]'), "has utterance 't-1'"),
    "words": (at('"kind": "trees"', '"kind": "words"'), "b.json: kind is words, but trees in a.json"),
    "tags": (at('"hypothesis": "frame"', '"hypothesis": "tags"'), "b.json: hypothesis is tags, but frame in a.json"),
    "no kind": (at('"kind"', '"sort"'), "b.json"),
    "no info": (at('"info": {}', '"info": 7'), "b.json"),
}
ROWS += [
    (f"metrics, {name}", "compare a.json b.json", {"b.json": content}, wanted)
    for name, (content, wanted) in METRICS.items()
]
ROWS += [
    ("metrics, a subset unknown", "compare a.json b.json --subset x", {}, "a.json: no subset 'x'; it has mine"),
    ("metrics, a subset of others", "compare a.json b.json --subset mine", {"b.json": at('"mine": [0,1]', '"mine": [0,2]')}, "b.json: subset 'mine' holds other"),
    ("metrics, a place of none", "compare a.json b.json --subset mine", {"b.json": at('"mine": [0,1]', '"mine": [0,9]')}, "b.json"),
    ("metrics, seeds", "compare --a a.json --b b.json nowhere.json", {}, "nowhere.json: No such file"),
    ("compare, output a folder", "compare a.json b.json --output audio", {}, "audio"),
]  # fmt: skip
ROWS += [
    (f"table, {name}", "table table.json", {"table.json": content}, "table.json")
    for name, content in (
        ("empty", ""),
        ("not JSON", "{"),
        ("a list", "[]"),
        ("no rows", "{}"),
        ("rows of numbers", at('"rows": []', '"rows": [7]')),
        ("rows a text", at('"rows": []', '"rows": "x"')),
        ("no title", at('"title"', '"titel"')),
        ("no times", at('"stage_times"', '"times"')),
        ("times of texts", at('"stage_times": {}', '"stage_times": {"1": "x"}')),
        ("a stage unknown", at('"stage_times": {}', '"stage_times": {"99": 1}')),
        ("deep", DEEP),
        ("not UTF-8", b"\xff"),
    )
]
KEPT = "table table.jsonl.xz"
ROWS += [
    (f"kept table, {name}", KEPT, {"table.jsonl.xz": content}, f"table.jsonl.xz{wanted}")
    for name, content, wanted in (
        ("not xz", "x", ": damaged"),
        ("cut", lambda old: old[:-20], ": damaged"),
        ("no table", lzma.compress(b""), ""),
        ("not JSON", lzma.compress(b"x\n"), ":1"),
        ("outside", lzma.compress(b'{"path": "../x", "text": ""}\n'), ":1"),
        ("twice", lzma.compress(b'{"path": "x", "text": ""}\n' * 2), ":2"),
        ("a number", lzma.compress(b'{"path": "x", "text": 7}\n'), ":1"),
        ("deep", lzma.compress(DEEP.encode()), ":1"),
        ("its table no JSON", lzma.compress(b'{"path": "tables/table.json", "text": "x"}\n'), ""),
    )
]
ROWS += [
    ("table, no marks", "table table.json --insert page.md", {"page.md": "hello"}, "page.md: needs the lines"),
    ("table, marks of others", "table table.json --insert page.md", {"page.md": at("table table", "table x")}, "page.md: needs"),
    ("table, insert nowhere", "table table.json --insert nowhere.md", {}, "nowhere.md: no such file"),
    ("table, insert not UTF-8", "table table.json --insert page.md", {"page.md": b"\xff"}, "page.md"),
]  # fmt: skip
#: References and hypotheses.
SCORE = "score --ref ref --hyp hyp --output out.json"
ROWS += [
    (f"score, {name}", SCORE + options, {file: content}, wanted)
    for name, file, content, wanted, options in (
        ("an id more", "hyp", lambda old: old + b"u-9 x\n", "hyp:5: utterance 'u-9' is not in the reference ref", ""),
        ("an id less", "hyp", "s-1 x\n", "hyp: no prediction for … ref:2: utterance 's-2' … a line with only its id", ""),
        ("an id twice", "hyp", lambda old: old + b"s-1 x\n", "hyp:5: id 's-1' a second time", ""),
        ("not UTF-8", "hyp", b"s-1 \xff\n", "hyp:1: byte 5", ""),
        ("an empty line", "ref", at("s-2", "\ns-2"), "ref:2: empty line; delete it", ""),
        ("words and trees", "ref", at("[IN:STOP stop ]", "stop"), "ref:2: utterance 's-2' is plain words", ""),
        ("a reference not closed", "ref", at("[IN:STOP stop ]", "[IN:STOP stop"), "ref:2: … not a valid tree", ""),
        ("a reference of lists", "ref", at("[IN:STOP stop ]", "[stop]"), "ref:2: utterance 's-2'", ""),
        ("nothing", "ref", "", "ref", ""),
        ("a subset unknown", "ids", "s-9\n", "subset 'x': utterance 's-9' is not in ref", " --subset x=ids"),
        ("a subset's line", "ids", "s-1 s-2\n", "ids:1: 2 items on one line", " --subset x=ids"),
        ("a subset not UTF-8", "ids", b"\xff\n", "ids: byte 1 is not UTF-8", " --subset x=ids"),
        ("a subset called heard", "ids", "stop\n", "'heard'", " --heard_words ids --subset heard=ids"),
        ("a model cut", "other.model", lambda old: old[:99], "other.model: not a sentencepiece", " --bpemodel other.model"),
    )
]  # fmt: skip
