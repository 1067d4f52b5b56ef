"""Corpora generated in the exact layout of their owners' distributions, with noise or mini's recordings for audio.

Nothing is copied from any of them: the sentences below were written for these tests.
"""

import csv
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.validation import Problem, validate
from espnet_atat.datadir import find_data_dirs
from espnet_atat.semantics.tree import strip_tags
from tests.spoken import Spoken

RATE = 16_000  # Hz


def write_noise(path: Path, seconds: float = 0.3, *, rate: int = RATE, channels: int = 1, seed: int = 0) -> Path:
    """Write white noise as an audio file of the kind that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = round(seconds * rate) if channels == 1 else (round(seconds * rate), channels)
    samples = np.random.default_rng(seed).normal(0.0, 0.1, shape)
    soundfile.write(path, samples, rate, subtype="PCM_16", format="NIST" if path.suffix == ".sph" else None)
    return path


# (transcription, action, object, location): every value of the corpus, spoken, paraphrased and unspoken.
FSC_ROWS = [
    ("Please switch the lights on", "activate", "lights", "none"),
    ("A bit of light over the kitchen table, please", "activate", "lights", "kitchen"),
    ("Could the bedroom lights go on?", "activate", "lights", "bedroom"),
    ("It is dark in the restroom", "activate", "lights", "washroom"),
    ("That lamp should be on", "activate", "lamp", "none"),
    ("I'd like some music now", "activate", "music", "none"),
    ("Lights out", "deactivate", "lights", "none"),
    ("No more lights for the kitchen", "deactivate", "lights", "kitchen"),
    ("The bedroom can be dark", "deactivate", "lights", "bedroom"),
    ("Kill the washroom light", "deactivate", "lights", "washroom"),
    ("Put out the lamp", "deactivate", "lamp", "none"),
    ("Enough of this song", "deactivate", "music", "none"),
    ("Be louder", "increase", "volume", "none"),
    ("More volume please", "increase", "volume", "none"),
    ("I am freezing", "increase", "heat", "none"),
    ("Raise the kitchen temperature", "increase", "heat", "kitchen"),
    ("More heat for the bedroom", "increase", "heat", "bedroom"),
    ("The bathroom needs heating", "increase", "heat", "washroom"),
    ("Lower the sound volume a little", "decrease", "volume", "none"),
    ("Less heat", "decrease", "heat", "none"),
    ("The kitchen is like an oven", "decrease", "heat", "kitchen"),
    ("Cooler in the bedroom, thank you", "decrease", "heat", "bedroom"),
    ("Reduce the temperature of the bathroom", "decrease", "heat", "washroom"),
    ("Get today's paper", "bring", "newspaper", "none"),
    ("A glass of juice would be nice", "bring", "juice", "none"),
    ("My feet want socks", "bring", "socks", "none"),
    ("Where is my other shoe? Fetch it", "bring", "shoes", "none"),
    ("Speak another language", "change language", "none", "none"),
    ("From now on use English", "change language", "English", "none"),
    ("Let us talk in Chinese", "change language", "Chinese", "none"),
    ("German, if you please", "change language", "German", "none"),
    ("I prefer Korean", "change language", "Korean", "none"),
    ("Kitchen! More light in the kitchen", "activate", "lights", "kitchen"),
    ("Warmer, please", "increase", "heat", "none"),
    ("Socks", "bring", "socks", "none"),
]


def write_fsc(root: Path, rows: Sequence[tuple[str, str, str, str]] = FSC_ROWS, speakers: int = 12) -> Path:
    """Write Fluent Speech Commands' folder: 12 speakers, each saying every fourth sentence."""
    tables: dict[str, list[list[str]]] = {"train": [], "valid": [], "test": []}
    for speaker in range(speakers):
        part = "test" if speaker == 0 else "valid" if speaker == 1 else "train"
        for number, (sentence, *triple) in enumerate(rows):
            if (number + speaker) % 4 == 0:
                name = f"spk{speaker:02d}XyZ"
                path = f"wavs/speakers/{name}/{speaker:02d}aa{number:04d}-4474-11e9-a9a5-5dbec3b8816a.wav"
                write_noise(root / path, seed=number)
                tables[part].append([str(len(tables[part])), path, name, sentence, *triple])
    (root / "data").mkdir(parents=True)
    for part, lines in tables.items():
        with (root / "data" / f"{part}_data.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(["", "path", "speakerId", "transcription", "action", "object", "location"])
            writer.writerows(lines)
    return root


@pytest.fixture(scope="session")
def fsc_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus in the layout of Fluent Speech Commands."""
    return write_fsc(tmp_path_factory.mktemp("fsc") / "fluent_speech_commands_dataset")


def snips_queries() -> list[tuple[str, list[dict[str, str]]]]:
    """(intent, chunks) of queries with rooms, colours, brightness, newlines and doubled spaces."""
    rooms, colours, numbers = ["kitchen", "basement", "guest room"], ["blue", "pale green"], ["ten", "fifty five"]

    def slot(name: str, text: str) -> dict[str, str]:
        return {"text": text, "slot_name": name, "entity": f"house_{name}"}

    queries: list[tuple[str, list[dict[str, str]]]] = []
    for room in rooms:
        queries += [
            ("SwitchLightOn", [{"text": "Let there be light in the "}, slot("room", room)]),
            ("SwitchLightOff", [{"text": "make the "}, slot("room", room), {"text": " dark\n"}]),
            ("IncreaseBrightness", [{"text": "the "}, slot("room", room), {"text": " is  too dim"}]),
            ("DecreaseBrightness", [slot("room", room), {"text": "'s lamps hurt my eyes"}]),
        ]
        for colour in colours:
            chunks = [slot("color", colour), {"text": " for the\n"}, slot("room", room), {"text": "!"}]
            queries.append(("SetLightColor", chunks))
        for number in numbers:
            chunks = [slot("brightness", number), {"text": " percent in the "}, slot("room", room)]
            queries.append(("SetLightBrightness", chunks))
    return queries


def write_snips(root: Path, *, field: str = "close") -> Path:
    """Write a SNIPS smart-lights folder; one query has no recording, one is there twice, one is recorded twice."""
    folder = root / f"smart-lights-en-{field}-field"
    queries = snips_queries()
    intents: dict[str, dict[str, list[object]]] = {}
    for intent, chunks in [*queries, queries[0], ("SwitchLightOn", [{"text": "nobody ever said this"}])]:
        intents.setdefault(intent, {"utterances": []})["utterances"].append({"data": chunks})
    metadata = {}
    for number, (_, chunks) in enumerate([*queries, queries[1]]):
        text = " ".join("".join(chunk["text"] for chunk in chunks).split())
        name = f"{number}.wav"
        worker = {"id": f"{number % 6:08x}-aaaa", "age": 30, "gender": "f"}
        metadata[str(number)] = {"filename": name, "text": text, "worker": worker}
        write_noise(folder / "speech_corpus" / "audio" / name, seed=number)
    (folder / "config.json").write_text(json.dumps({"dataset": "dataset.json", "speech_corpus": "speech_corpus"}))
    (folder / "dataset.json").write_text(json.dumps({"language": "en", "entities": {}, "intents": intents}))
    (folder / "speech_corpus" / "metadata.json").write_text(json.dumps(metadata))
    return folder


#: Tokens of a sentence, scenario, action, entities (type, first token, last token): written for these tests.
SLURP_ROWS = [
    ("what 's on my list for monday", "lists", "query", [("date", 6, 6)]),
    ("remind me of the dentist on friday at half past nine", "calendar", "set", [("date", 6, 6), ("time", 7, 10)]),
    ("Play some Jazz", "play", "music", [("music_genre", 2, 2)]),
    ("is it warm outside", "weather", "query", []),
    ("wake me at seven", "alarm", "set", [("time", 3, 3)]),
    ("lamps off in the attic please", "iot", "hue_lightoff", [("house_place", 4, 4)]),
]


def write_slurp(root: Path, rows: Sequence[Any] = SLURP_ROWS, say: Callable[[str, Path], Any] | None = None) -> Path:
    """Write SLURP's repository with its audio: in each part every sentence, with one to three recordings."""
    metadata: dict[str, Any] = {}
    parts = {"train": "real", "train_synthetic": "synth", "devel": "real", "test": "real"}
    for number, (part, kind) in enumerate(parts.items()):
        lines = []
        for sentence, (words, scenario, action, entities) in enumerate(rows):
            plain = f"audio-{number}{sentence}00"
            stems = [f"{plain}-headset", plain, f"audio--{number}{sentence}07"]
            files = [f"{stem}.flac" for stem in (stems[: 1 + sentence % 3] if kind == "real" else stems[1:2])]
            for place, file in enumerate(files):
                path = root / f"audio/slurp_{kind}" / file
                path.parent.mkdir(parents=True, exist_ok=True)
                write_noise(path, 0.8, seed=sentence + place) if say is None else say(words, path)
            key = 100 * number + sentence
            speakers = {file: {"usrid": f"F{'EO'[place % 2]}-{400 + sentence}"} for place, file in enumerate(files)}
            metadata[str(key)] = {"recordings": speakers if kind == "real" else {}}
            spans = [{"type": kind_of, "span": list(range(first, last + 1))} for kind_of, first, last in entities]
            tokens = [{"surface": word, "id": place} for place, word in enumerate(words.split())]
            about = {"slurp_id": key, "sentence": words, "scenario": scenario, "action": action, "tokens": tokens}
            lines.append(about | {"entities": spans, "recordings": [{"file": file, "wer": 0.0} for file in files]})
        write_lines(root / f"dataset/slurp/{part}.jsonl", map(json.dumps, lines))
    (root / "dataset/slurp/metadata.json").write_text(json.dumps(metadata))
    return root


#: Domain, and a tree with numbers as written and as spoken: written for these tests.
STOP_ROWS = [
    ("alarm", "[IN:CREATE_ALARM Wake me [SL:DATE_TIME at 7 ] ]", "[IN:CREATE_ALARM wake me [SL:DATE_TIME at seven ] ]"),
    ("music", "[IN:PLAY_MUSIC Play [SL:MUSIC_GENRE jazz ] ]", "[IN:PLAY_MUSIC play [SL:MUSIC_GENRE jazz ] ]"),
    ("timer", "[IN:PAUSE_TIMER Hold the timer ]", ""),
    ("reminder", "[IN:GET_REMINDER What\\u2019s on ]", "[IN:GET_REMINDER what\\u2019s on ]"),
    ("reminder", "[IN:DELETE_REMINDER Drop [SL:TODO milk ] ]", "[IN:DELETE_REMINDER drop [SL:TODO milk ] ]"),
    (
        "reminder",
        "[IN:CREATE_REMINDER Tell me to [SL:TODO [IN:GET_TODO buy [SL:TODO milk ] ] ] ]",
        "[IN:CREATE_REMINDER tell me to [SL:TODO [IN:GET_TODO buy [SL:TODO milk ] ] ] ]",
    ),
    ("weather", "[IN:GET_WEATHER Rain in [SL:LOCATION Oslo ] ? ]", "[IN:GET_WEATHER rain in [SL:LOCATION oslo ] ]"),
    ("weather", "[IN:GET_SUNSET When is dusk ]", "[IN:GET_SUNSET when is dusk ]"),
]
STOP_HEADER = "file_id domain gender native utterance seqlogical normalized_utterance normalized_seqlogical"


def write_stop(root: Path, *, lists: bool = False, say: Callable[[str, Path], Any] | None = None) -> Path:
    """Write STOP's folder; eval and test are recorded twice, and some of the archive's folders differ from the
    manifests'. With ``lists``, the owner's lists of the reminders lie in it: the first two of each part."""
    few: dict[str, list[str]] = {}
    for part, recordings in (("train", ["train"]), ("eval", ["eval_0", "eval_1"]), ("test", ["test_0", "test_1"])):
        lines = []
        for folder in recordings:
            for number, (domain, written, spoken) in enumerate(STOP_ROWS):
                ending = folder if folder != "train" else "train_0"
                file_id = f"{folder}/{domain}_{ending}/{number:08d}.wav"
                stored = f"{folder}/{domain}_{part}/{number:08d}.wav" if number % 2 else file_id
                words = " ".join(strip_tags(spoken or written))
                (root / stored).parent.mkdir(parents=True, exist_ok=True)
                write_noise(root / stored, 0.8, seed=number) if say is None else say(words, root / stored)
                lines.append("\t".join((file_id, domain, "female", "yes", "as typed", written, words, spoken)))
                if domain == "reminder" and not folder.endswith("_1"):
                    few.setdefault(part, []).append(f"{folder}/{domain}_{part}/{number:08d}.wav\t12800")
        write_lines(root / "manifests" / f"{part}.tsv", [STOP_HEADER.replace(" ", "\t"), *lines])
    names = {"train": "reminder_train_25spis", "eval": "reminder_valid_25spis", "test": "held_out_reminder_test"}
    for part, chosen in few.items() if lists else ():
        write_lines(root / "low_resource_splits" / f"{names[part]}.tsv", ["/a/folder", *chosen[:2]])
    return root


def write_librispeech(root: Path, split: str, utterances: Iterable[Spoken]) -> Path:
    """Write a split of LibriSpeech: a speaker for each voice, with one chapter."""
    chapters: dict[str, list[Spoken]] = {}
    for one in utterances:
        chapters.setdefault(one.voice, []).append(one)
    for speaker, said in enumerate(chapters.values(), start=100):
        folder, name = root / split / str(speaker) / "7", f"{speaker}-7"
        for number, one in enumerate(said):
            copy_audio(one.path, folder / f"{name}-{number:04d}.flac")
        transcripts = (f"{name}-{number:04d} {one.words.upper()}" for number, one in enumerate(said))
        write_lines(folder / f"{name}.trans.txt", transcripts)
    return root


def write_an4(root: Path, parts: Mapping[str, Iterable[Spoken]]) -> Path:
    """Write AN4's folder, its parts ``train`` and ``test`` from utterances; a speaker for each voice."""
    for part, folder in (("train", "an4_clstk"), ("test", "an4test_clstk")):
        files, transcripts = [], []
        for number, one in enumerate(parts[part]):
            stem = f"an{number}-{one.voice}-b"
            files.append(f"{folder}/{one.voice}/{stem}")
            transcripts.append(f"<s> {one.words.upper()} </s> ({stem})")
            copy_audio(one.path, root / "wav" / f"{files[-1]}.wav")
        write_lines(root / "etc" / f"an4_{part}.fileids", files)
        write_lines(root / "etc" / f"an4_{part}.transcription", transcripts)
    return root


def copy_audio(source: Path, target: Path, rate: int = RATE) -> None:
    """Write a recording anew in the format of the target's suffix."""
    target.parent.mkdir(parents=True, exist_ok=True)
    samples, own = soundfile.read(source, dtype="float32")
    encoding = {".mp3": {"format": "MP3"}, ".opus": {"format": "OGG", "subtype": "OPUS"}}
    options = encoding.get(target.suffix, {"subtype": "PCM_16"})
    soundfile.write(target, samples if own == rate else soxr.resample(samples, own, rate), rate, **options)


@pytest.fixture(scope="session")
def snips_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus in the layout of SNIPS smart-lights, close and far field."""
    root = tmp_path_factory.mktemp("snips") / "snips_slu_data_v1.0"
    write_snips(root, field="close")
    write_snips(root, field="far")
    return root


def problems_below(folder: Path) -> list[Problem]:
    """What validation finds in the data dirs of a folder; of audio their headers are read."""
    return [each for path in find_data_dirs(folder) for each in validate(path, AudioRules(), audio="header").problems]


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# Usage examples for WordNet's layout, written for these tests: part of speech → glosses with examples.
WORDNET_GLOSSES = {
    "noun": [
        'a small boat; "the old boat lay near the bridge"; "they painted the boat green"',
        'a road over water; "the bridge was closed"; "We walked over the bridge, slowly!"',
        "a gloss without any example",
        'a person who sells bread; "the baker sold 12 rolls"; "the baker painted the door"',
    ],
    "verb": [
        'move by feet; "we walked near the old door"; "they walked slowly over the bridge"',
        'cover with colour; "the baker painted the boat"; "painted slowly"',
    ],
    "adj": ['of great age; "the old baker was near the door"; "an old green boat"'],
    "adv": ['not fast; "the boat moved slowly"; "slowly the door was closed"'],
}


def write_wordnet(folder: Path, glosses: Mapping[str, Sequence[str]] = WORDNET_GLOSSES) -> Path:
    """Write the four data files of WordNet, each with the head of a licence."""
    for letter, (part, lines) in zip("nvar", glosses.items(), strict=True):
        head = ["  1 A licence stands here.  ", "  2 It is indented.  "]
        senses = [
            f"{1740 + number:08d} 03 {letter} 01 word_{number} 0 001 @ 00001740 {letter} 0000 | {gloss}  "
            for number, gloss in enumerate(lines)
        ]
        write_lines(folder / f"data.{part}", [*head, *senses])
    return folder


#: Columns of Common Voice's tables that came with a release, and the file of durations of its time.
COMMON_VOICE = {
    1: ("client_id path sentence up_votes down_votes age gender accent", None),
    5: ("client_id path sentence up_votes down_votes age gender accent locale segment", None),
    14: ("client_id path sentence up_votes down_votes age gender accents variant locale segment", "times.txt"),
    17: (
        "client_id path sentence_id sentence sentence_domain up_votes down_votes age gender accents variant locale"
        " segment",
        "clip_durations.tsv",
    ),
}


def client(voice: str) -> str:
    """Common Voice's hash of a client."""
    return hashlib.sha512(voice.encode()).hexdigest()


def write_common_voice(root: Path, parts: Mapping[str, Sequence[Spoken]], release: int = 17) -> Path:
    """Write a language's folder of a release: mp3s of 32 kHz, tables, durations; the sentences as in print."""
    columns, durations = COMMON_VOICE[release]
    lengths = ["clip\tduration[ms]"]
    for part, utterances in parts.items():
        lines = ["\t".join(columns.split())]
        for one in utterances:
            name = f"common_voice_en_{int(client(one.id)[:6], 16)}.mp3"
            values = {"client_id": client(one.voice), "path": name, "sentence": f"{one.words.capitalize()}."}
            lines.append("\t".join(values.get(column, "2" if "votes" in column else "") for column in columns.split()))
            if not (root / "clips" / name).exists():
                copy_audio(one.path, root / "clips" / name, rate=2 * RATE)
            lengths.append(f"{name}\t{round(1000 * soundfile.info(one.path).duration)}")
        write_lines(root / f"{part}.tsv", lines)
    if durations:
        write_lines(root / durations, lengths)
    return root


def write_mls(root: Path, parts: Mapping[str, Sequence[Spoken]], suffix: str = ".flac") -> Path:
    """Write MLS's folder; the first utterance of train is in the first hour, the second in the other nine."""
    speakers: dict[str, int] = {}
    for part, utterances in parts.items():
        lines = []
        for number, one in enumerate(utterances):
            speaker = 4800 + speakers.setdefault(one.voice, len(speakers))
            key = f"{speaker}_10003_{number:06d}"
            copy_audio(one.path, root / part / "audio" / f"{speaker}/10003/{key}{suffix}")
            lines.append(f"{key}\t{one.words}")
        write_lines(root / part / "transcripts.txt", lines)
        if part == "train":
            for folder, line in zip(("1hr/0", "9hr"), lines, strict=False):
                write_lines(root / part / "limited_supervision" / folder / "handles.txt", [line.split("\t")[0]])
    return root


def write_switchboard(root: Path, utterances: Sequence[Spoken], conversations: int = 10) -> Path:
    """Write LDC97S62 and its transcripts: mu-law, 8 kHz, utterances of a conversation in turns on two channels."""
    for number in range(conversations):
        talk, said = np.zeros((2, 4000), np.float32), {"A": [], "B": []}  # half a second of silence begins
        for turn, one in enumerate(utterances[number::conversations]):
            samples = soxr.resample(soundfile.read(one.path, dtype="float32")[0], RATE, 8000)
            start, side = talk.shape[1] / 8000, "AB"[turn % 2]
            silent = np.zeros_like(samples)
            talk = np.concatenate([talk, np.stack([samples, silent] if side == "A" else [silent, samples])], axis=1)
            said[side].append((start, talk.shape[1] / 8000, one.words))
        name = f"{2001 + number}"
        path = root / "swb1_d1" / "data" / f"sw0{name}.sph"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, talk.T, 8000, format="NIST", subtype="ULAW")
        for side, turns in said.items():
            lines, key = ["0.000000 0.400000 [silence]"], f"sw{name}{side}-ms98-a"
            lines += [f"{start:.6f} {end:.6f} [noise] {words} <e_aside>" for start, end, words in turns]
            folder = root / "swb_ms98_transcriptions" / name[:2] / name
            write_lines(folder / f"{key}-trans.text", [f"{key}-{n:04d} {line}" for n, line in enumerate(lines, 1)])
    return root


def write_hub5(root: Path, utterances: Sequence[Spoken]) -> Path:
    """Write Hub5 2000, a segment of each half on each side."""
    lines = [';; CATEGORY "0" "" ""']
    for name, (first, second) in zip(("sw_4390", "en_4156"), itertools.batched(utterances, 2), strict=False):
        sides = [soxr.resample(soundfile.read(one.path, dtype="float32")[0], RATE, 8000) for one in (first, second)]
        talk = np.zeros((max(map(len, sides)), 2), np.float32)
        for channel, (one, samples) in enumerate(zip((first, second), sides, strict=True)):
            talk[: len(samples), channel] = samples
            label = f"{name} {'AB'[channel]} {name}_{'AB'[channel]}"
            lines.append(f"{label} 0.00 {len(samples) / 8000:.2f} <O,{name[:2]},F> (%HESITATION) {one.words.upper()}")
        path = root / "english" / f"{name}.sph"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, talk, 8000, format="NIST", subtype="ULAW")
        lines.append(f"{name} A {name}_A 9.00 9.50 <O,{name[:2]},F> IGNORE_TIME_SEGMENT_IN_SCORING")
        lines.append(f"{name} A {name}_A 9.50 9.60 <O,{name[:2]},F> (%HESITATION)")
    write_lines(root / "reference" / "hub5e00.english.000405.stm", lines)
    return root
