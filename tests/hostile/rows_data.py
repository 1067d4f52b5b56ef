"""Kaldi's data dirs and their audio: every fault, before every command that reads one."""

import io
import struct

import numpy as np
import soundfile

#: Commands that read ``{}``, a data dir.
READERS = {
    "features": "features --data_dir {} --output_dir out",
    "align": "align --data_dir {} --output out.jsonl",
    "augment": "augment --data_dir {} --output_dir out --config conf/augment.yaml",
    "mask": "mask --data_dir {} --alignments align.jsonl --output_dir out",
    "splice": "splice --data_dir {} --alignments align.jsonl --output_dir out --number 2",
    "splice text": "splice --data_dir data/test --alignments align.jsonl --output_dir out --text {}",
    "synthesize": "synthesize --engine flite --text {} --output_dir out --dry_run",
    "prepare": "prepare custom {} out",
    "plot_mask": "plot_mask {} s-1 out.png",
    "pipeline": "pipeline train crf --data_dirs {} --output_dir out",
    "pipeline words": "pipeline train bilstm_crf --data_dirs data/test --pretrain_dirs {} --pretrain_epochs 1 --output_dir out",
}
AUGMENT = {"conf/augment.yaml": "speeds: [0.9]\n"}
TEXT = "s-1 play blue moon\ns-2 stop\ns-3 play rain now\nt-1 stop it\n"


def at(old: str, new: str):
    """A file with one place changed."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode(), 1)

    return change


#: What is wrong with a file of the data dir, and what is said of it; the dir's name is put before.
FAULTS = {
    "text gone": ("text", None, "{} is not a data dir: it has no file 'text'"),
    "empty line": ("text", at("s-2 stop\n", "\n"), "{}/text:2: empty line; delete it"),
    "white space": ("text", at("s-2", " s-2"), "{}/text:2: the line begins with white space, not with an id"),
    "not UTF-8": ("text", TEXT.replace("stop", "st\xf6p").encode("latin-1"), "{}/text:2: byte 7 … convert the file"),
    "UTF-16": ("text", TEXT.encode("utf-16"), "{}/text:1: byte 1 of the line is not UTF-8"),
    "twice": ("text", TEXT + "s-1 again\n", "{}/text:5: id 's-1' a second time"),
    "slash": ("text", at("s-2", "s/2"), "{} … id 's/2' has a slash, so no file can be named after it; rename it"),
    "dot": ("text", at("s-2", "..s-2"), "{} … '..s-2' has a dot at its start"),
    "control": ("text", at("s-2", "s-2\x07"), "{} … has a control character"),
    "NUL": ("text", at("s-2", "s-2\0"), "{} … has a control character"),
    "long": ("text", at("s-2", "s" * 300), "{} … has 300 bytes; files are named after it: at most 200"),
    "no utterance": ("text", "", "{}"),
    "id unknown": ("text", at("s-2", "s-9"), "{}: target lacks 's-9', which text has"),
    "id missing": ("text", at("s-2 stop\n", ""), "{}: target has 's-2', which text lacks"),
    "tree missing": ("target", at("s-2 [IN:STOP stop ]\n", ""), "{}: target lacks 's-2'"),
    "target twice": ("target", at("s-2 [", "s-1 ["), "{}/target:2: id 's-1' a second time"),
    "wav missing": ("wav.scp", at("s-2 audio/s-2.wav\n", ""), "{}: wav.scp lacks 's-2'"),
    "wav surplus": ("wav.scp", at("t-1", "t-2"), "{}: wav.scp lacks 't-1'"),
    "speaker missing": ("utt2spk", at("s-2 s\n", ""), "{}: utt2spk lacks 's-2'"),
    "speaker slash": ("utt2spk", at("s-2 s", "s-2 ../s"), "{}: utt2spk … '../s' has a slash"),
    "no speaker": ("utt2spk", at("s-2 s", "s-2"), "{}: utt2spk … '' cannot be an id: it is empty"),
}
#: One reader serves them all: every fault once, and some of each kind before the others.
SOME_FAULTS = ("empty line", "not UTF-8", "twice", "slash", "id unknown", "wav missing")
#: Their sets have no other file than text and target.
WORDS_ONLY = {"wav missing", "wav surplus", "speaker missing", "speaker slash", "no speaker"}


def wav(samples: object = None, rate: int = 16000, subtype: str = "PCM_16", cut: int | None = None) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, 4800)
    soundfile.write(file, noise if samples is None else samples, rate, subtype, format="WAV")
    return file.getvalue()[:cut]


def coded(format: str, subtype: str, change) -> bytes:
    """Compressed noise of 3 s, as ``change`` leaves it."""
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).normal(0, 0.1, 48000), 16000, subtype, format=format)
    return change(file.getvalue())


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


def page_less(content: bytes) -> bytes:
    at = content.find(b"OggS", len(content) // 4)
    return content[:at] + content[content.find(b"OggS", at + 4) :]


def promising(content: bytes) -> bytes:
    """FLAC that says to have 2^36 - 1 samples, of which no sum is kept."""
    return content[:21] + bytes([content[21] | 15]) + b"\xff" * 4 + content[26:]


def header(channels: int, rate: int, bits: int, size: int, kind: int = 1) -> bytes:
    """A wav header that says anything, and a few samples."""
    chunk = struct.pack(
        "<HHIIHH", kind, channels, rate, rate * channels * bits // 8 % 2**32, channels * bits // 8, bits
    )
    body = b"WAVEfmt " + struct.pack("<I", len(chunk)) + chunk + b"data" + struct.pack("<I", size) + bytes(64)
    return b"RIFF" + struct.pack("<I", len(body)) + body


SOUND = "audio/s-1.wav"
#: Audio that no command takes.
AUDIO = {
    "gone": ({SOUND: None}, "no such file: audio/s-1.wav"),
    "no bytes": ({SOUND: b""}, "audio/s-1.wav has no bytes"),
    "a text": ({SOUND: b"no audio\n" * 20}, "audio/s-1.wav cannot be read as audio"),
    "cut in its header": ({SOUND: wav(cut=30)}, "audio/s-1.wav"),
    "cut in its samples": ({SOUND: wav(cut=5000)}, "audio/s-1.wav was cut off"),
    "no samples": ({SOUND: wav(np.zeros(0))}, "audio/s-1.wav has no samples"),
    "not finite": ({SOUND: wav(np.full(4800, np.nan), subtype="FLOAT")}, "samples that are not finite numbers"),
    "several channels": ({SOUND: wav(np.zeros((4800, 2)))}, "audio/s-1.wav … 2 channels"),
    "no channel": ({SOUND: header(0, 16000, 16, 64)}, "audio/s-1.wav cannot be read as audio"),
    "a thousand channels": ({SOUND: header(2000, 16000, 16, 64)}, "audio/s-1.wav"),
    "0 Hz": ({SOUND: header(1, 0, 16, 64)}, "audio/s-1.wav"),
    "unknown codec": ({SOUND: header(1, 16000, 16, 64, kind=4711)}, "audio/s-1.wav cannot be read as audio"),
    "more promised": ({SOUND: header(1, 16000, 16, 1 << 27)}, "audio/s-1.wav was cut off"),
    "flac, a bit": ({SOUND: coded("FLAC", "PCM_16", flipped)}, "audio/s-1.wav is damaged or cut off"),
    "vorbis, a bit": ({SOUND: coded("OGG", "VORBIS", flipped)}, "audio/s-1.wav is damaged or cut off: the page at byte"),
    "opus, a bit": ({SOUND: coded("OGG", "OPUS", flipped)}, "audio/s-1.wav is damaged or cut off: the page at byte"),
    "opus, a page less": ({SOUND: coded("OGG", "OPUS", page_less)}, "audio/s-1.wav … pages are missing before byte"),
    "opus cut": ({SOUND: coded("OGG", "OPUS", lambda all: all[: all.rfind(b"OggS")])}, "its last pages are missing"),
    "opus cut in a page": ({SOUND: coded("OGG", "OPUS", lambda all: all[:-9])}, "it ends in the middle of the page"),
    "mp3, a bit": ({SOUND: coded("MP3", "MPEG_LAYER_III", flipped)}, "audio/s-1.wav is damaged or cut off"),
    "mp3 cut": ({SOUND: coded("MP3", "MPEG_LAYER_III", lambda all: all[:9000])}, "audio/s-1.wav is damaged or cut off"),
    "flac, a promise": ({SOUND: coded("FLAC", "PCM_16", promising)}, "audio/s-1.wav is damaged … 68719476735 samples"),
    "1 Hz": ({SOUND: wav(rate=1)}, "audio/s-1.wav has 1 samples per second"),
    "2 GHz": ({SOUND: header(1, 2**31 - 1, 16, 64)}, "audio/s-1.wav has 2147483647 samples per second"),
    "flac cut": ({SOUND: coded("FLAC", "PCM_16", lambda all: all[:3000])}, "audio/s-1.wav is damaged or cut off"),
    "flac head": ({SOUND: coded("FLAC", "PCM_16", lambda all: all[:30])}, "audio/s-1.wav cannot be read as audio"),
    "a folder": ({"data/{}/wav.scp": at(SOUND, "audio")}, "no such file: audio"),
    "no path": ({"data/{}/wav.scp": at(f" {SOUND}", "")}, "no path"),
    "a pipe": ({"data/{}/wav.scp": at(SOUND, "touch evil |")}, "pipe"),
}  # fmt: skip
SOME_AUDIO = ("gone", "a text", "cut in its samples", "not finite", "a pipe")
HEARERS = {
    "features": ("features --data_dir data/test --output_dir out", "test"),
    "features raw": ("features --data_dir data/test --output_dir out --feats_type raw", "test"),
    "augment": ("augment --data_dir data/train --output_dir out --config conf/augment.yaml", "train"),
    "mask": ("mask --data_dir data/train --alignments align.jsonl --output_dir out --min_masked 1", "train"),
    "splice": ("splice --data_dir data/train --alignments align.jsonl --output_dir out --number 9", "train"),
    "plot_mask": ("plot_mask data/train s-1 out.png", "train"),
    "prepare": ("prepare custom data/test out", "test"),
    "validate": ("validate data/test", "test"),
}

ROWS: list = []
for command, call in READERS.items():
    for fault, (file, content, wanted) in FAULTS.items():
        if command != "features" and fault not in SOME_FAULTS:
            continue
        name = "data/words" if command == "pipeline words" else "data/train"
        if name == "data/words" and fault in WORDS_ONLY:
            continue
        files = {f"{name}/{file}": content, **(AUGMENT if command == "augment" else {})}
        ROWS.append((f"{command}, {fault}", call.format(name), files, wanted.format(name)))
for command, (call, name) in HEARERS.items():
    for fault, (changed, wanted) in AUDIO.items():
        if command not in ("features", "validate") and fault not in SOME_AUDIO:
            continue
        files = {file.format(name): content for file, content in changed.items()}
        ROWS.append((f"{command}, audio {fault}", call, {**files, **(AUGMENT if command == "augment" else {})}, wanted))

ROWS += [
    (f"validate, {fault}", "validate data/train", {f"data/train/{file}": content}, f"data/train/{wanted}")
    for fault, file, content, wanted in (
        ("empty line", "text", at("s-2 stop\n", "\n"), "text:2: empty line … 4 problems; --fix"),
        ("unsorted", "text", "t-1 stop it\n" + TEXT.removesuffix("t-1 stop it\n"), "text:2"),
        ("twice", "text", TEXT + "s-1 again\n", "text:5"),
        ("not UTF-8", "text", TEXT.replace("stop", "st\xf6p").encode("latin-1"), "text:2: byte 7"),
        ("spaces", "text", at("blue moon", "blue  moon"), "text:1: 's-1' has more than one space"),
        ("no words", "text", at("s-2 stop", "s-2"), "text:2: 's-2' has an empty transcript"),
        ("tree open", "target", at("[IN:STOP stop ]", "[IN:STOP stop"), "target:2: 's-2': bad tree: unclosed bracket"),
        ("other words", "target", at("[IN:STOP stop ]", "[IN:STOP go ]"), "target:2: 's-2': the tree's words"),
        ("slot root", "target", at("[IN:STOP stop ]", "[SL:STOP stop ]"), "target:2: 's-2': bad tree: the root"),
        ("two roots", "target", at("[IN:STOP stop ]", "[IN:A stop ] [IN:B ]"), "target:2: 's-2': bad tree: second"),
        ("glued", "target", at("[IN:STOP stop ]", "[IN:STOP stop]"), "target:2: 's-2': bad tree: bracket inside"),
        ("foreign tag", "target", at("[IN:STOP stop ]", "[XX:STOP stop ]"), "target:2: 's-2': bad tree: label without"),
        ("empty tree", "target", at("[IN:STOP stop ]", ""), "target:2: 's-2': bad tree: empty"),
        ("speaker", "utt2spk", at("s-2 s", "s-2 x"), "utt2spk:2: 's-2' does not begin with its speaker's id 'x'"),
        ("spk2utt gone", "spk2utt", None, "spk2utt: no such file"),
        ("spk2utt other", "spk2utt", at("s-2 ", ""), "spk2utt:1: speaker 's' differs from utt2spk in 's-2'"),
    )
]
ROWS += [
    ("validate, nothing", "validate nowhere", {}, "nowhere: neither a data dir nor a folder of data dirs"),
    ("validate, a file", "validate ref", {}, "ref: neither a data dir nor a folder"),
    ("validate, test set", "validate data/test --fix", {"data/test/text": at("s-2 stop", "s-2")}, "never shrunk"),
    ("features, 8 kHz", "features --data_dir data/test --output_dir out", {SOUND: wav(rate=8000)}, "8000 … --resample"),
    ("prepare, 8 kHz", "prepare custom data/test out", {SOUND: wav(rate=8000)}, "8000 Hz where 16000 Hz … --resample"),
    ("prepare, segments", "prepare custom data/test out", {"data/test/segments": "s-1 r 0 1\n"}, "data/test/segments: s-1: recording 'r' is not in wav.scp"),
    ("prepare, short", "prepare custom data/test out", {SOUND: wav(np.zeros(100))}, "0.006 s is shorter than 0.1 s"),
    ("prepare, bad tree", "prepare custom data/test out", {"data/test/target": at("stop ]", "stop")}, "target: s-2"),
]  # fmt: skip
