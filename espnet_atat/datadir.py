"""Reading and writing a Kaldi-style data dir.

A data dir is one set of utterances, ``data/<recipe>/<set>/``, with a two-column file (id, value) for each thing known:

    text      id, normalised words
    target    id, bracketed tree; absent where the set has none
    wav.scp   id, path of the audio from the repository's root, or absolute; absent in a text-only set
    segments  id, recording, start, end and perhaps channel; with it the ids of wav.scp are those of recordings
    utt2spk   id, speaker; an utterance's id begins with its speaker's
    spk2utt   speaker, ids; the inverse of utt2spk, written with it

In memory an utterance's audio is one entry, a path or a stretch of one (:class:`Clip`), with ``segments`` or without.
Ids are sorted in C order, which is Python's order of strings. Thorough checking, with audio and trees, is in
``espnet_atat.corpora.validation``.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from espnet_atat.atomic import atomic_dir, atomic_write
from espnet_atat.bounded import numbered_lines
from espnet_atat.errors import UserError, naming

# ASCII only: a no-break space inside a transcript is part of the value, and is the normalisation's business.
WHITESPACE = " \t\r\v\f"

#: Hz, of the audio that features and models take.
SAMPLE_RATE = 16_000
#: NUL, escape and the like, without the characters of ``WHITESPACE``.
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")

#: File → field of ``DataDir``.
FIELDS = {"text": "text", "target": "target", "wav.scp": "wav", "utt2spk": "utt2spk"}

#: Which stretch of which recording each utterance is, as in Kaldi: recording, start, end, perhaps channel from 0.
SEGMENTS = "segments"

#: Longest id or speaker, in bytes: audio files are named after them, with a suffix.
LONGEST_NAME = 200

#: A file of one word in the dirs of a corpus whose text has two forms: ``spoken`` or ``official``.
TEXT_FORM = "text_form"

#: A file of a folder of data dirs: the sets that ``bin.prepare`` (stage 1) made there, a line each.
PREPARED = "prepared"
#: A file of one line in the data dirs of a corpus with several splits: which of them this set belongs to.
SPLIT = "split"

#: A file (utterance, why) in the dir of a test set prepared with ``--allow_bad_test``: what can only count as wrong.
UNREADABLE = "unreadable"


def is_test_set(name: str) -> bool:
    """Does a set's name say that it is a test set (``test``, ``test_clean``, ``lights_far_test``, ``TEST2``)?"""
    return any(re.fullmatch(r"test(s|set)?\d*", part) for part in re.split(r"[-_.]", name.lower()))


def find_data_dirs(path: Path) -> list[Path]:
    """The folder itself, or the data dirs right below it."""
    found = [path] if (path / "text").is_file() else sorted(file.parent for file in path.glob("[!.]*/text"))
    if not found:
        raise UserError(f"{path}: neither a data dir nor a folder of data dirs: no file 'text'")
    return found


def prepared_sets(folder: Path) -> list[str]:
    """The sets that ``bin.prepare`` made of ``data/<recipe>``."""
    listed = folder / PREPARED
    return listed.read_text(encoding="utf-8").split() if listed.is_file() else []


def from_root(path: Path) -> str:
    """The path from the working directory, the repository's root, if it lies below that; else from ``/``."""
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def split_key(line: str) -> tuple[str, str]:
    """Key and value of a line; the first space or tab parts them."""
    space, tab = line.find(" "), line.find("\t")
    end = min(space, tab) if space >= 0 and tab >= 0 else max(space, tab)
    return (line, "") if end < 0 else (line[:end], line[end:].lstrip(WHITESPACE))


def check_text(text: str, where: str) -> None:
    """Refuse a value, such as a transcript or a path, that a terminal, C or another tool would read as a different one.

    Raises:
        UserError: it has NUL, an escape or another control character (tabs and the like are white space).
    """
    if found := CONTROL.search(text):
        raise UserError(f"{where}: has a control character, {found[0]!r}, in {text[:60]!r}; delete it")


def holds(folder: Path, name: str) -> bool:
    """Whether a data dir has such a file. A link that leads nowhere counts: reading it names it.

    Raises:
        UserError: a folder, pipe or device has the name.
    """
    file = folder / name
    if file.exists() and not file.is_file():
        raise UserError(f"{file}: not a plain file; delete it")
    return os.path.lexists(file)


def scan_two_column(path: str | Path) -> Iterator[tuple[int, str, str | UserError]]:
    """Read a file of two columns, one triple a line: line number from 1, key, value.

    A line that cannot be read gives an error in the value's place (and an empty key where there is none), so that a
    check can go on to the next. A line with only a key has the empty string for its value.
    """
    for number, raw in numbered_lines(path):
        try:
            line = raw.decode("utf-8").rstrip(WHITESPACE + "\n")
        except UnicodeDecodeError as error:
            key = raw.split(maxsplit=1)[0].decode("utf-8", errors="replace")
            where = f"{path}:{number}: byte {error.start + 1} of the line is not UTF-8"
            yield number, key, UserError(f"{where} ({raw[error.start : error.end]!r}); convert the file to UTF-8")
            continue
        if not line:
            yield number, "", UserError(f"{path}:{number}: empty line; delete it")
        elif line[0] in WHITESPACE:
            yield number, "", UserError(f"{path}:{number}: the line begins with white space, not with an id")
        else:
            key, value = split_key(line)
            try:
                check_text(value, f"{path}:{number}")
                yield number, key, value
            except UserError as error:
                yield number, key, error


def read_two_column(path: str | Path) -> dict[str, str]:
    """Read a file of two columns into a dictionary in the file's order; a value may be empty."""
    values: dict[str, str] = {}
    for number, key, value in scan_two_column(path):
        if isinstance(value, UserError):
            raise value
        if key in values:
            raise UserError(f"{path}:{number}: id {key!r} a second time; every id may occur once")
        values[key] = value
    return values


def format_two_column(values: Mapping[str, str], name: str) -> Iterator[str]:
    """Lines, each with its line feed, sorted by id; ``name`` is for error messages."""
    for key in sorted(values):
        value = values[key]
        if not key or key.split() != [key]:
            raise UserError(f"{name}: {key!r} cannot be an id: it is empty or has white space in it")
        if "\n" in value or "\r" in value:
            raise UserError(f"{name}: the value of {key} spans lines: {value!r}")
        yield f"{key} {value}\n" if value else f"{key}\n"


def write_two_column(path: str | Path, values: Mapping[str, str]) -> None:
    """Write a dictionary as a file of two columns, sorted by id in C order; the file appears whole or not at all."""
    with atomic_write(path) as handle:
        handle.writelines(format_two_column(values, str(path)))


def check_name(name: str, where: str) -> None:
    """Can an id or a speaker name a file? Copies of audio are named after them, and must stay in their folder.

    Raises:
        UserError: it has white space, a slash or a control character, begins with a dot, or is empty or too long.
    """
    if not name or name.split() != [name]:
        raise UserError(f"{where}: {name!r} cannot be an id: it is empty or has white space in it")
    if "/" in name or not name.isprintable() or name.startswith("."):
        found = "a slash" if "/" in name else "a dot at its start" if name.startswith(".") else "a control character"
        raise UserError(f"{where}: id {name!r} has {found}, so no file can be named after it; rename it")
    if (size := len(name.encode("utf-8", errors="replace"))) > LONGEST_NAME:
        raise UserError(
            f"{where}: id {name[:40]!r}… has {size} bytes; files are named after it: at most {LONGEST_NAME}"
        )


@dataclass(frozen=True)
class Clip:
    """An entry of audio: ``path[2.5:4.1]`` is a stretch of a file in seconds, ``path[2.5:4.1,1]`` of one channel.

    Attributes:
        end: None: to the end of the file.
        channel: from 0; None: every one.
    """

    path: str
    start: float = 0.0
    end: float | None = None
    channel: int | None = None

    def __str__(self) -> str:
        if self.is_whole:
            return self.path
        end, channel = "" if self.end is None else self.end, "" if self.channel is None else f",{self.channel}"
        return f"{self.path}[{self.start}:{end}{channel}]"

    @property
    def is_whole(self) -> bool:
        return not self.start and self.end is None and self.channel is None

    @classmethod
    def of(cls, entry: str | Path) -> "Clip":
        """Read an entry; any other text is the path of a whole file."""
        match = re.fullmatch(r"(.+)\[(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)?(?:,(\d+))?\]", str(entry))
        if match is None:
            return cls(str(entry))
        path, start, end, channel = match.groups()
        return cls(path, float(start), float(end) if end else None, int(channel) if channel else None)

    @classmethod
    def of_segment(cls, value: str, recordings: Mapping[str, str]) -> "Clip":
        """Read an utterance's value in ``segments``, given recordings by id; an end of -1 is the recording's."""
        fields = value.split()
        try:
            recording, (start, end) = fields[0], map(float, fields[1:3])
            channel = int(fields[3]) if len(fields) > 3 else None
        except (ValueError, IndexError):
            fields = []
        if not 3 <= len(fields) <= 4:
            raise UserError(f"expected recording, start, end and perhaps channel, found {value!r}")
        if recording not in recordings:
            raise UserError(f"recording {recording!r} is not in wav.scp")
        if not (0 <= start < end < float("inf") or (start >= 0 and end == -1)) or (channel or 0) < 0:
            raise UserError(f"{value!r}: 0 <= start < end, in seconds, and a channel from 0 are expected")
        return cls(recordings[recording], start, None if end == -1 else end, channel)


def read_wav(folder: Path) -> dict[str, str]:
    """Utterance → entry of its audio, from ``wav.scp`` and ``segments``."""
    recordings = read_two_column(folder / "wav.scp")
    if not holds(folder, SEGMENTS):
        return recordings
    entries = {}
    for utterance, value in read_two_column(folder / SEGMENTS).items():
        with naming(f"{folder / SEGMENTS}: {utterance}"):
            entries[utterance] = str(Clip.of_segment(value, recordings))
    return entries


def split_wav(wav: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The files ``wav.scp`` and, if any entry is a stretch, ``segments``; a recording is named after its file."""
    clips = {utterance: Clip.of(entry) for utterance, entry in wav.items()}
    if all(clip.is_whole for clip in clips.values()):
        return {"wav.scp": dict(wav)}
    recordings: dict[str, str] = {}
    for path in sorted({clip.path for clip in clips.values()}):
        stem = name = re.sub(r"[^\w.-]+", "_", Path(path).stem)
        number = 1
        while name in recordings:
            number += 1
            name = f"{stem}-{number}"
        recordings[name] = path
    names = {path: name for name, path in recordings.items()}
    segments = {}
    for utterance, clip in clips.items():
        fields = (names[clip.path], clip.start, -1 if clip.end is None else clip.end, clip.channel)
        segments[utterance] = " ".join(str(each) for each in fields if each is not None)
    return {"wav.scp": recordings, SEGMENTS: segments}


def invert(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """Speaker → sorted ids of the utterances."""
    spk2utt: dict[str, list[str]] = {}
    for utterance in sorted(utt2spk):
        spk2utt.setdefault(utt2spk[utterance], []).append(utterance)
    return spk2utt


@dataclass(frozen=True, kw_only=True)
class DataDir:
    """One set of utterances in memory: id → value for each file that it has, and entry of audio (:class:`Clip`)."""

    text: dict[str, str]
    target: dict[str, str] | None = None
    wav: dict[str, str] | None = None
    utt2spk: dict[str, str] | None = None

    @property
    def ids(self) -> list[str]:
        """All utterances in C order."""
        return sorted(self.text)

    @property
    def spk2utt(self) -> dict[str, list[str]]:
        """Speaker → sorted ids of the utterances; empty where speakers are unknown."""
        return invert(self.utt2spk or {})

    def __len__(self) -> int:
        return len(self.text)

    @classmethod
    def of(cls, columns: Mapping[str, dict[str, str]]) -> Self:
        """The set of these files: name → values."""
        return cls(**{FIELDS[name]: values for name, values in columns.items()})

    def columns(self) -> dict[str, dict[str, str]]:
        """File name → values, of what there is."""
        every = {name: getattr(self, field) for name, field in FIELDS.items()}
        return {name: values for name, values in every.items() if values is not None}

    def subset(self, ids: Collection[str]) -> Self:
        """The set restricted to these utterances; an id that is not in it is a ``UserError``."""
        if unknown := set(ids) - self.text.keys():
            raise UserError(f"no utterance {min(unknown)!r} in the set ({len(unknown)} such of {len(ids)})")
        return self.of({name: {key: values[key] for key in sorted(ids)} for name, values in self.columns().items()})

    def check(self, name: str = "data dir") -> None:
        """Every file must have exactly the utterances of ``text``, and all names must do for files (``check_name``)."""
        for utterance in self.text:
            check_name(utterance, f"{name}: text")
        for speaker in {*(self.utt2spk or {}).values()}:
            check_name(speaker, f"{name}: utt2spk")
        for file, values in self.columns().items():
            if missing := self.text.keys() - values.keys():
                raise UserError(f"{name}: {file} lacks {min(missing)!r}, which text has ({len(missing)} such)")
            if surplus := values.keys() - self.text.keys():
                raise UserError(f"{name}: {file} has {min(surplus)!r}, which text lacks ({len(surplus)} such)")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read ``data/<recipe>/<set>``."""
        path = Path(path)
        if not (path / "text").is_file():
            raise UserError(f"{path} is not a data dir: it has no file 'text'")
        columns = {name: read_two_column(path / name) for name in FIELDS if holds(path, name)}
        if holds(path, SEGMENTS):
            if "wav.scp" not in columns:
                raise UserError(f"{path}: it has {SEGMENTS}, and no wav.scp with the recordings")
            columns["wav.scp"] = read_wav(path)
        loaded = cls.of(columns)
        loaded.check(str(path))
        return loaded

    def write(self, path: str | Path) -> None:
        """Write the set as ``path``, replacing an old one; it appears whole or not at all."""
        self.check(str(path))
        with atomic_dir(path) as folder:
            self.write_files(folder)

    def write_files(self, folder: Path) -> None:
        """Write the files into a folder that ``atomic_dir`` gave, which makes them whole or absent together."""
        files = self.columns()
        if self.wav is not None:
            files |= split_wav(self.wav)
        if self.utt2spk is not None:
            files["spk2utt"] = {speaker: " ".join(ids) for speaker, ids in self.spk2utt.items()}
        for name, values in files.items():
            with (folder / name).open("w", encoding="utf-8") as handle:
                handle.writelines(format_two_column(values, str(folder / name)))
