"""The corpora in their owners' layouts, and their archives."""

import io
import json
import tarfile

from tests.hostile.rows_data import at, wav
from tests.hostile.world import special, zip_of

C = "corpora"
#: Sets that were written before the bad one are whole.
WRITTEN = {"leaves": ("out", "out/[!.]*")}


def zipped(*members: tuple[str, bytes], encrypt: bool = False) -> bytes:
    data = zip_of(members)
    return data.replace(b"PK\1\2\x14\x03\x14\0\0", b"PK\1\2\x14\x03\x14\0\1") if encrypt else data


def tarred(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        archive.addfile(member)
    return file.getvalue()


ROWS: list = [
    (f"{corpus}, an empty folder", f"prepare {corpus} empty out", {"empty/notes": "x"}, f"empty: {wanted}")
    for corpus, wanted in {
        "librispeech": "… give the folder 'LibriSpeech'",
        "an4": "no etc/an4_train.fileids; give the folder 'an4'",
        "fsc": "… give the folder 'fluent_speech_commands_dataset'",
        "snips": "neither smart-lights-en-close-field",
        "top": "",
        "broad": "no data.noun, as WordNet's folder dict has it; give that folder",
        "mini": "no music_train.tsv; give the folder egs2/atat/mini/corpus",
    }.items()
]
#: Corpus, file, its content, what is said.
FILES = (
    ("an4", "etc/an4_train.transcription", None, "an4_train.transcription: No such file"),
    ("an4", "etc/an4_train.transcription", at("(an0-", "an0-"), "an4_train.transcription:1: expected 'WORDS (file-id)'"),
    ("an4", "etc/an4_train.transcription", lambda old: old + old, "an4_train.transcription:5: an0-spk0-b a second time"),
    ("an4", "etc/an4_train.transcription", at("an0-spk0-b)", "an9)"), "an4_train.fileids:1: an0-spk0-b has no line in"),
    ("an4", "etc/an4_train.transcription", b"\xff", "an4_train.transcription:1: byte b'\\xff' is not UTF-8"),
    ("an4", "etc/an4_train.fileids", at("an4_clstk/spk0/an0", "../../../ref/an0"), "an4_train.fileids:1"),
    ("an4", "etc/an4_train.fileids", lambda old: old + old, "occurs twice: … an4_train.fileids:"),
    ("an4", "etc/an4_train.fileids", "", "no utterance is left of 0"),
    ("an4", "etc/an4_test.fileids", None, "an4_test.fileids: No such file"),
    ("an4", "wav/an4test_clstk/spk0/an0-spk0-b.wav", None, "test: spk0-an0-spk0-b … missing audio … --allow_bad_test"),
    ("an4", "wav/an4test_clstk/spk0/an0-spk0-b.wav", wav(rate=8000), "8000 Hz where 16000 Hz is expected; --resample"),
    ("an4", "wav/an4_clstk/spk0/an0-spk0-b.wav", wav(rate=8000), "8000 Hz where 16000 Hz is expected; --resample"),
    ("LibriSpeech", "test-clean/7/9/7-9.trans.txt", None, "7-9-0000.flac: no transcript (2 such"),
    ("LibriSpeech", "test-clean/7/9/7-9.trans.txt", at("7-9-0001", "8-9-0001"), "trans.txt:2: id '8-9-0001' does not belong"),
    ("LibriSpeech", "test-clean/7/9/7-9.trans.txt", lambda old: old + b"7-9-../x STOP\n", "trans.txt:3: … has a slash"),
    ("LibriSpeech", "test-clean/7/9/7-9.trans.txt", lambda old: old + b"7-9-0000 STOP\n", "occurs twice: … trans.txt:3"),
    ("LibriSpeech", "test-clean/7/9/7-9.trans.txt", at("7-9-0001 STOP", "7-9-0001"), "empty transcript; a test set is never"),
    ("LibriSpeech", "test-clean/7/9/7-9.trans.txt", b"7-9-0000 \xff\n", "trans.txt:1: byte b'\\xff' is not UTF-8"),
    ("LibriSpeech", "test-clean/7/9/7-9-0001.flac", None, "7-9-0001 … missing audio"),
    ("LibriSpeech", "test-clean/7/9/7-9-0001.flac", lambda old: old[: len(old) // 2], "7-9-0001 … truncated audio"),
    ("LibriSpeech", "SPEAKERS.TXT", "8 | F | test-clean | 1 | A\n", "trans.txt:1: speaker 7 is not in SPEAKERS.TXT"),
    ("LibriSpeech", "SPEAKERS.TXT", at("test-clean", "dev-clean"), "SPEAKERS.TXT lists speaker 7 under dev-clean"),
    ("LibriSpeech", "SPEAKERS.TXT", b"\xff", "SPEAKERS.TXT:1: byte"),
    ("fsc", "data/train_data.csv", None, "corpora/fsc: no data/train_data.csv; give the folder"),
    ("fsc", "data/test_data.csv", None, "test_data.csv"),
    ("fsc", "data/train_data.csv", at("transcription", "words"), "train_data.csv:1: no column 'transcription'"),
    ("fsc", "data/train_data.csv", at("wavs/", "../wavs/"), "train_data.csv:"),
    ("fsc", "data/train_data.csv", b"\xff", "train_data.csv:1: byte"),
    ("fsc", "data/train_data.csv", "", "train_data.csv: empty; its first line names the columns"),
    ("snips", "smart-lights-en-close-field/dataset.json", None, "dataset"),
    ("snips", "smart-lights-en-close-field/dataset.json", "{", "dataset.json: not JSON at column 2"),
    ("snips", "smart-lights-en-close-field/dataset.json", "[]", "dataset.json: expected intents"),
    ("snips", "smart-lights-en-close-field/dataset.json", '{"intents": {"A": {"utterances": [7]}}}', "dataset.json: expected"),
    ("snips", "smart-lights-en-close-field/dataset.json", '{"intents": {"A": {"utterances": [{"data": [{"text": 7}]}]}}}', "dataset.json"),
    ("snips", "smart-lights-en-close-field/dataset.json", "[" * 100_000, "dataset.json"),
    ("snips", "smart-lights-en-close-field/config.json", '{"dataset": 7}', "config.json: no 'dataset'"),
    ("snips", "smart-lights-en-close-field/config.json", '{"dataset": "x", "speech_corpus": "y"}', "config.json: its 'dataset', 'x'"),
    ("snips", "smart-lights-en-close-field/config.json", '{"dataset": "../../../ref", "speech_corpus": "speech_corpus"}', "config.json"),
    ("snips", "smart-lights-en-close-field/speech_corpus/metadata.json", "7", "metadata.json"),
    ("snips", "smart-lights-en-close-field/speech_corpus/metadata.json", '{"0": {"filename": "a.wav"}}', "metadata.json: entry 0: expected filename, text and worker.id"),
    ("snips", "smart-lights-en-close-field/speech_corpus/metadata.json", json.dumps({"0": {"filename": "../a", "text": "x", "worker": {"id": 1}}}), "entry 0: filename '../a' leads out"),
    ("snips", "smart-lights-en-close-field/speech_corpus/metadata.json", json.dumps({"0": {"filename": 7, "text": "x", "worker": {"id": 1}}}), "entry 0"),
    ("snips", "smart-lights-en-close-field/speech_corpus/metadata.json", json.dumps({"0": {"filename": "a", "text": 7, "worker": {"id": 1}}}), "entry 0"),
    ("snips", "smart-lights-en-close-field/speech_corpus/metadata.json", "{}", "no utterance is left"),
    ("top", "test.tsv", None, "corpora/top: none of manifests"),
    ("top", "test.tsv", "Stop it\n", "test.tsv:1: 1 fields where the header has 3"),
    ("top", "test.tsv", "a\tb\t[IN:STOP Stop it\n", "test.tsv:1: unclosed bracket"),
    ("top", "test.tsv", "a\tb\t\n", "test.tsv:1: empty: there is no tree"),
    ("top", "test.tsv", "a\tb\t[IN:STOP ]\n", "test.tsv:1"),
    ("top", "test.tsv", "a\tb\t" + "[IN:A [SL:B " * 20_000 + "x\n", "test.tsv:1: unclosed bracket"),
    ("top", "test.tsv", b"a\tb\t\xff\n", "test.tsv:1: byte"),
    ("top", "train.tsv", "", "no utterance is left of 0"),
    ("topv2", "music_test.tsv", "domain\tutterance\nmusic\tx\n", "music_test.tsv:1: no column 'semantic_parse'"),
    ("topv2", "music_test.tsv", "", "music_test.tsv: empty; its first line names the columns"),
    ("stop", "manifests/test.tsv", at("test/1.wav", "../../test/1.wav"), "manifests/test.tsv:2: file_id … leads out of the corpus"),
    ("stop", "manifests/test.tsv", at("test/1.wav", "/etc/1.wav"), "manifests/test.tsv:2: file_id … leads out of the corpus"),
    ("stop", "manifests/test.tsv", at("test/1.wav", "test/2.wav"), "manifests/test.tsv:2 … missing audio"),
    ("stop", "manifests/test.tsv", at("file_id", "file"), "manifests/test.tsv:1: no column 'file_id'"),
    ("stop", "test/1.wav", b"", "empty audio"),
    ("wordnet", "data.verb", None, "no data.verb, beside the other files of WordNet"),
    ("wordnet", "data.verb", "hello\n", "data.verb:1: expected WordNet's 'offset file kind … | gloss'"),
    ("wordnet", "data.verb", b"\xff", "data.verb:1: byte"),
    ("wordnet", "data.noun", "", "lower --times"),
    ("mini", "music_train.tsv", None, "no music_train.tsv"),
    ("mini", "music_train.tsv", "", "music_train.tsv: empty; its first line names the columns"),
    ("mini", "music_train.tsv", at("utt_id", "id"), "music_train.tsv:1: no column 'utt_id'"),
    ("mini", "music_test.tsv", at("[IN:STOP stop it ]", "[IN:STOP stop it"), "music_test.tsv:2"),
    ("mini", "music_test.tsv", at("music_test-1", "../x"), "music_test.tsv:2: id '../x' has a slash"),
    ("mini", "music_test.tsv", at("1.0\tstop it", "1.0\t..."), "music_test.tsv:2"),
    ("mini", "lights_train.tsv", "utt_id\tvoice\tspeed\twords\ttree\n", "lights_train"),
    ("mini", "audio/music_test/music_test-1.ogg", b"", "music_test.tsv:2 … empty audio"),
    ("mini", "audio/lights_test/lights_test-1.ogg", b"no audio", "lights_test.tsv:2 … unreadable audio"),
)  # fmt: skip
CORPUS = {"LibriSpeech": "librispeech", "topv2": "top", "stop": "top", "wordnet": "broad"}
OPTIONS = {"fsc": " --splits original", "wordnet": " --times 1", "mini": " --folds 0"}
ROWS += [
    (f"{folder}/{file.rpartition('/')[2]} {number}", f"prepare {CORPUS.get(folder, folder)} {C}/{folder} out{OPTIONS.get(folder, '')}",
     {f"{C}/{folder}/{file}": content}, wanted, WRITTEN)
    for number, (folder, file, content, wanted) in enumerate(FILES)
]  # fmt: skip
ROWS += [
    ("top, recordings", f"prepare top {C}/top out --recordings said", {"said": "9 audio/s-1.wav\n"}, "said: '9' is neither the id", WRITTEN),
    ("top, no recording", f"prepare top {C}/top out --recordings said", {"said": "1\n"}, "said: 1 has no audio path", WRITTEN),
    ("top, recordings nowhere", f"prepare top {C}/top out --recordings nowhere", {}, "nowhere: No such file", WRITTEN),
    ("broad, held out", f"prepare broad {C}/wordnet out --held_out held", {"held": b"a \xff\n"}, "held:1: byte"),
]  # fmt: skip
#: Corpora that are not in the good folder: corpus, its files, what is said.
CV, SLURP, SWB = "client_id\tpath\tsentence\n", "cut/dataset/slurp/train.jsonl", "cut/sw2001A-ms98-a-trans.text"
CUT = (
    ("stop", {"cut/notes": ""}, "cut: no manifests/{train,eval,test}.tsv; give the folder 'stop'"),
    ("stop", {f"cut/manifests/{part}.tsv": "domain\n" for part in ("train", "eval", "test")}, "train.tsv:1: no column 'file_id'"),
    ("stop", {f"cut/manifests/{part}.tsv": "file_id\tdomain\tutterance\tseqlogical\n../x.wav\ta\tgo\t[IN:A go ]\n" for part in ("train", "eval", "test")}, "train.tsv:2: file_id '../x.wav' leads out of the corpus"),
    ("slurp", {"cut/notes": ""}, "cut: no dataset/slurp/train.jsonl; give the folder of SLURP's repository"),
    ("slurp", {SLURP: "{}\n", "cut/audio/slurp_real/x": ""}, "train.jsonl:1: expected scenario, action, tokens"),
    ("slurp", {SLURP: "{\n", "cut/audio/slurp_real/x": ""}, "train.jsonl:1: not JSON"),
    ("slurp", {SLURP: "{}\n", "cut/dataset/slurp/metadata.json": "[]", "cut/audio/slurp_real/x": ""}, "metadata.json: expected slurp_id"),
    ("common_voice", {"cut/notes": ""}, "cut: no train.tsv beside clips/; give the folder"),
    ("common_voice", {"cut/train.tsv": "path\tsentence\n", "cut/clips/x": ""}, "train.tsv:1: no column 'client_id'"),
    ("common_voice", {"cut/train.tsv": CV + "\ta.mp3\tgo\n", "cut/clips/x": ""}, "train.tsv:2: no client_id; delete the row"),
    ("common_voice", {"cut/train.tsv": CV + "x\t../../a.mp3\tgo\n", "cut/clips/x": ""}, "train.tsv:2: path '../../a.mp3' leads out of clips"),
    ("mls", {"cut/notes": ""}, "cut: … give the folder 'mls_english'"),
    ("mls", {"cut/dev/transcripts.txt": "1_2 go\n"}, "transcripts.txt:1: expected speaker_book_number<tab>words, found '1_2 go'"),
    ("mls", {"cut/dev/transcripts.txt": b"1_2_3\t\xff\n"}, "transcripts.txt:1: byte b'\\xff' is not UTF-8"),
    ("switchboard", {"cut/notes": ""}, "cut: no *.sph anywhere below it; give the folder of LDC97S62"),
    ("switchboard", {"cut/sw02001.sph": ""}, "cut: no *-trans.text"),
    ("switchboard", {"cut/sw02002.sph": "", SWB: "a 0 1 go\n"}, "trans.text: there is no sw02001.sph; add it"),
    ("switchboard", {"cut/sw02001.sph": "", SWB: "a 0 x go\n"}, "trans.text:1: expected start and end in seconds, found '0 x'"),
    ("switchboard", {"cut/sw02001.sph": "", SWB: "a 0 inf go\n"}, "trans.text:1: it ends at inf s"),
)  # fmt: skip
ROWS += [
    (f"{corpus}, cut {number}", f"prepare {corpus} cut out", files, wanted)
    for number, (corpus, files, wanted) in enumerate(CUT)
]
#: What ``prepare fetch`` is given to unpack.
FETCH = "prepare fetch --url file://nowhere/{0} --output_dir out/corpus --archive {0} --file_checksums sums"
SUMS = {"sums": "0" * 64 + "  corpus/readme.txt\n"}
ROWS += [
    (f"archive, {name}", FETCH.format(file), {f"out/{file}": content, **SUMS}, wanted)
    for name, file, content, wanted in (
        ("no archive", "a.zip", b"<html>", "out/a.zip: neither a zip nor a tar archive; delete it to fetch it again"),
        ("empty", "a.zip", b"", "out/a.zip: neither a zip nor a tar archive"),
        ("cut", "a.zip", zipped(("a", b"x" * 1000))[:500], "out/a.zip: neither"),
        ("another file", "a.zip", zipped(("corpus/readme.txt", b"x")), "sha256 is … not 000"),
        ("a file less", "a.zip", zipped(("corpus/x.txt", b"x")), "the archive has no corpus/readme.txt, which sums:1 names"),
        ("upwards", "a.zip", zipped(("../evil", b"x")), "'../evil' would be written outside the folder; the archive is refused"),
        ("from the root", "a.zip", zipped(("/evil", b"x")), "'/evil' would be written outside the folder"),
        ("a drive", "a.zip", zipped(("C:evil", b"x")), "'C:evil' would be written outside"),
        ("backslashes", "a.zip", zipped(("..\\evil", b"x")), "would be written outside"),
        ("a link", "a.zip", zip_of([special("corpus/link", 0o120777)]), "'corpus/link' is a link or device; the archive is refused"),
        ("damaged", "a.zip", zipped(("a", b"hello hello")).replace(b"hello hello", b"hullo hello"), "out/a.zip: damaged archive"),
        ("encrypted", "a.zip", zipped(("a", b"hello"), encrypt=True), "out/a.zip: "),
        ("tar upwards", "a.tar.gz", tarred("../evil"), "'../evil' would be written outside"),
        ("tar from the root", "a.tar.gz", tarred("/evil"), "'/evil' would be written outside"),
        ("tar link", "a.tar.gz", tarred("a", kind=tarfile.SYMTYPE, link="/etc"), "'a' is a link or device"),
        ("tar hard link", "a.tar.gz", tarred("a", kind=tarfile.LNKTYPE, link="/etc/passwd"), "'a' is a link or device"),
        ("tar device", "a.tar.gz", tarred("a", kind=tarfile.CHRTYPE), "'a' is a link or device"),
        ("tar pipe", "a.tar.gz", tarred("a", kind=tarfile.FIFOTYPE), "'a' is a link or device"),
        ("tar cut", "a.tar.gz", tarred("a" * 90)[:60], "out/a.tar.gz: "),
        ("a member over another", "a.zip", zipped(("a", b"x"), ("a/b", b"x")), "out/a.zip"),
    )
]  # fmt: skip
ROWS += [
    ("fetch, unchecked", "prepare fetch --url file://x/a.zip --output_dir out/corpus", {}, "give --checksum or --file_checksums"),
    ("fetch, gone", "prepare fetch --url file:///nowhere/a.zip --output_dir out/corpus --checksum md5:0", {}, "cannot be fetched", {"leaves": ("out",)}),
    ("fetch, no server", "prepare fetch --url http://127.0.0.1:1/a.zip --output_dir out/corpus --checksum md5:0", {}, "cannot be fetched … put it at out/a.zip", {"leaves": ("out",)}),
    ("fetch, no address", "prepare fetch --url nonsense --output_dir out/corpus --checksum md5:0", {}, "nonsense", {"leaves": ("out",)}),
    ("fetch, another sum", "prepare fetch --url file:///x/a.zip --output_dir out/corpus --checksum md5:0", {"out/a.zip": b"x"}, "md5 is … not 0"),
    ("fetch, no sum", "prepare fetch --url file:///x/a.zip --output_dir out/corpus --checksum 0", {"out/a.zip": b"x"}, "checksum '0': give md5:… or sha256:…"),
    ("fetch, sums gone", FETCH.format("a.zip"), {"out/a.zip": zipped(("a", b"x"))}, "sums: No such file"),
    ("fetch, sums broken", FETCH.format("a.zip"), {"out/a.zip": zipped(("a", b"x")), "sums": "x\n"}, "sums:1: expected '<sha256>  <path>'"),
    ("fetch, sums not UTF-8", FETCH.format("a.zip"), {"out/a.zip": zipped(("a", b"x")), "sums": b"\xff\n"}, "sums"),
    ("fetch, sums outside", FETCH.format("a.zip"), {"out/a.zip": zipped(("a", b"x")), "sums": "0" * 64 + "  ../../ref\n"}, "sums:1"),
]  # fmt: skip
#: What the rows spoil is good before.
GOOD = [
    f"prepare {CORPUS.get(folder, folder)} {C}/{folder} out{OPTIONS.get(folder, '')}"
    for folder in ("an4", "LibriSpeech", "fsc", "snips", "top", "topv2", "stop", "mini")
]
ROWS += [
    (
        f"a set called {name}",
        f"prepare custom {C}/mine.csv out",
        {f"{C}/mine.csv": f"audio,transcript,split\n../audio/s-1.wav,go,{name}\n"},
        f"no set may be called '{name}'",
        {"leaves": ("out",)},
    )
    for name in ("audio", "prepared")
]
