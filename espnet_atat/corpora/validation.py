"""Validation of a data dir as in Kaldi: every problem is reported by file and line, and may be fixed.

Checked: each file is UTF-8, sorted and without duplicates; all files have the same utterances; ids begin with the
speaker's; spk2utt is the inverse of utt2spk; segments are stretches of recordings, and each recording has one;
transcripts are not empty; targets parse and their words equal the text; audio is readable, not truncated, mono, at the
right rate and neither too short nor too long.
"""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from espnet_atat.atomic import atomic_dir
from espnet_atat.corpora.recordings import AudioRules, examine, in_threads
from espnet_atat.datadir import (
    FIELDS,
    SEGMENTS,
    UNREADABLE,
    Clip,
    DataDir,
    holds,
    invert,
    scan_two_column,
    write_two_column,
)
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import TreeError, parse
from espnet_atat.speech.audio import AudioError

LIMIT = 50  # problems of a data dir that are printed
# Other files by utterance that a data dir may have; --fix keeps them consistent.
SIDE_FILES = ("feats.scp", "utt2num_frames", "utt2dur", UNREADABLE)


@dataclass(frozen=True)
class Problem:
    file: str
    line: int  # from 1, or 0 for the file as a whole
    message: str
    utterance: str | None = None  # to drop, or None if rewriting the file solves the problem


@dataclass(frozen=True)
class NumberedColumn:
    """A file of two columns: id → value, and id → line number."""

    values: dict[str, str]
    lines: dict[str, int]


@dataclass(frozen=True)
class Checked:
    """A data dir with its problems; ``seconds`` of audio were examined."""

    path: Path
    columns: dict[str, NumberedColumn]
    problems: list[Problem]
    seconds: float = 0.0

    def lines(self, limit: int = LIMIT) -> list[str]:
        """Each problem by file and line, up to the limit (0: all), then their number."""
        shown = self.problems[:limit] if limit else self.problems
        lines = [f"{self.path / p.file}{f':{p.line}' if p.line else ''}: {p.message}" for p in shown]
        if len(shown) < len(self.problems):
            lines.append(f"{self.path}: … and {len(self.problems) - len(shown)} more; --limit 0 shows all")
        hours = f", {self.seconds / 3600:.2f} h of audio" if self.seconds else ""
        utterances = len(self.columns["text"].values)
        return [*lines, f"{self.path}: {utterances} utterances{hours}, {len(self.problems)} problems"]


def validate(path: Path, rules: AudioRules, *, audio: str = "full") -> Checked:
    """Check a data dir.

    ``audio``: ``full`` decodes every file, ``header`` reads only headers and ends, ``none`` checks only the text side.
    """
    if not (path / "text").is_file():
        raise UserError(f"{path} is not a data dir: it has no file 'text'")
    problems: list[Problem] = []
    columns = {name: read_numbered_column(path, name, problems) for name in FIELDS if holds(path, name)}
    if holds(path, SEGMENTS):
        recordings = columns.pop("wav.scp", NumberedColumn({}, {}))
        columns[SEGMENTS] = read_segments(path, recordings, problems)
    audio_file = SEGMENTS if SEGMENTS in columns else "wav.scp"
    problems += same_utterances(columns)
    problems += check_speakers(path, columns)
    problems += check_transcripts(columns)
    seconds = 0.0
    if audio != "none" and audio_file in columns:
        # Utterances prepared under --allow_bad_test are known to be unreadable, and count as wrong.
        known = read_numbered_column(path, UNREADABLE, problems).values if (path / UNREADABLE).is_file() else {}
        seconds = check_audio(columns[audio_file], rules, known, problems, full=audio == "full", file=audio_file)
    return Checked(path, columns, problems, seconds)


def read_numbered_column(path: Path, name: str, problems: list[Problem]) -> NumberedColumn:
    """Read a file and note problems of its lines and their order."""
    column = NumberedColumn({}, {})
    last = ""
    for number, key, value in scan_two_column(path / name):
        if isinstance(value, UserError):
            message = str(value).partition(f":{number}: ")[2]
            problems.append(Problem(name, number, message, key or None))
        elif key in column.values:
            problems.append(Problem(name, number, f"id {key!r} a second time, first at line {column.lines[key]}", key))
        else:
            if key < last:
                problems.append(Problem(name, number, f"{key!r} comes after {last!r}; sort the file with LC_ALL=C"))
            last = key
            column.values[key], column.lines[key] = value, number
    return column


def read_segments(path: Path, recordings: NumberedColumn, problems: list[Problem]) -> NumberedColumn:
    """Utterance → clip, of ``segments``; notes what no clip can be made of, and recordings without a segment."""
    read = read_numbered_column(path, SEGMENTS, problems)
    entries, used = {}, set()
    for key, value in read.values.items():
        used.update(value.split()[:1])
        try:
            entries[key] = str(Clip.of_segment(value, recordings.values))
        except UserError as error:
            problems.append(Problem(SEGMENTS, read.lines[key], f"{key!r}: {error}", key))
    for name in sorted(recordings.values.keys() - used):
        problems.append(Problem("wav.scp", recordings.lines[name], f"recording {name!r} has no segment"))
    return NumberedColumn(entries, read.lines)


def same_utterances(columns: dict[str, NumberedColumn]) -> Iterator[Problem]:
    for name, column in columns.items():
        for other, theirs in columns.items():
            for key in sorted(theirs.values.keys() - column.values.keys()):
                yield Problem(other, theirs.lines[key], f"{key!r} is not in {name}", key)


def check_speakers(path: Path, columns: dict[str, NumberedColumn]) -> Iterator[Problem]:
    """Check that ids begin with their speaker's, and that spk2utt exists and is the inverse of utt2spk."""
    if "utt2spk" not in columns:
        if columns.keys() & {"wav.scp", SEGMENTS}:
            yield Problem("utt2spk", 0, "no such file, though there is audio")
        return
    speakers = columns["utt2spk"]
    for key, speaker in speakers.values.items():
        if not speaker or " " in speaker:
            yield Problem("utt2spk", speakers.lines[key], f"{key!r} has {speaker!r} for its speaker", key)
        elif not key.startswith(speaker):
            yield Problem("utt2spk", speakers.lines[key], f"{key!r} does not begin with its speaker's id {speaker!r}")
    if not holds(path, "spk2utt"):
        yield Problem("spk2utt", 0, "no such file")
        return
    problems: list[Problem] = []
    found = read_numbered_column(path, "spk2utt", problems)
    yield from (replace(problem, utterance=None) for problem in problems)
    expected = invert(speakers.values)
    for speaker in sorted(expected.keys() | found.values.keys()):
        have, want = found.values.get(speaker, "").split(), expected.get(speaker, [])
        if have != want:
            differing = sorted(set(have) ^ set(want))
            what = f"differs from utt2spk in {differing[0]!r}" if differing else "lists its utterances unsorted"
            yield Problem("spk2utt", found.lines.get(speaker, 0), f"speaker {speaker!r} {what}")


def check_transcripts(columns: dict[str, NumberedColumn]) -> Iterator[Problem]:
    """Check that transcripts exist, trees parse, and the words of a tree are its transcript."""
    text, target = columns["text"], columns.get("target")
    audio_only = bool(columns.keys() & {"wav.scp", SEGMENTS}) and target is None and not any(text.values.values())
    for key, words in text.values.items():
        if not words and not audio_only:
            yield Problem("text", text.lines[key], f"{key!r} has an empty transcript", key)
        elif "  " in words or "\t" in words:
            yield Problem("text", text.lines[key], f"{key!r} has more than one space between words", key)
    if target is None:
        return
    for key, tree in target.values.items():
        if problem := tree_problem(tree, text.values.get(key)):
            yield Problem("target", target.lines[key], f"{key!r}: {problem}", key)


def tree_problem(tree: str, text: str | None) -> str | None:
    """What is wrong with a tree over a transcript, if that is known."""
    try:
        words = " ".join(parse(tree).words())
    except TreeError as error:
        return f"bad tree: {error}"
    return None if text in (None, words) else f"the tree's words are {words!r}, the text {text!r}"


def check_audio(
    wav: NumberedColumn, rules: AudioRules, known: Collection[str], problems: list[Problem], *, full: bool, file: str
) -> float:
    """Note problems of the audio, except of utterances known to be bad; gives the seconds of usable audio."""
    seconds = 0.0
    entries = {key: entry for key, entry in wav.values.items() if key not in known}
    found = in_threads(partial(examine, rules=rules, full=full), list(entries.values()), rules.nj, "audio")
    for key, each in zip(entries, found, strict=True):
        if isinstance(each, AudioError):
            problems.append(Problem(file, wav.lines[key], f"{key!r}: {each.kind}: {each}", key))
        else:
            seconds += each.samples / each.rate
    return seconds


def fix(checked: Checked, *, is_test: bool) -> dict[str, str]:
    """Rewrite a data dir sorted, with a fresh spk2utt, without its bad utterances; gives these with the reasons."""
    bad: dict[str, str] = {}
    for problem in checked.problems:
        if problem.utterance is not None:
            bad.setdefault(problem.utterance, f"{problem.file}: {problem.message}")
    if bad and is_test:
        key, why = next(iter(bad.items()))
        raise UserError(
            f"{checked.path}: a test set is never shrunk, and {len(bad)} of its utterances are bad, first {key!r} "
            f"({why}); fix its source, or prepare it with --allow_bad_test, by which they count as wrong"
        )
    kept = sorted(set.intersection(*(set(column.values) for column in checked.columns.values())) - bad.keys())
    if not kept:
        raise UserError(f"{checked.path}: no utterance would be left")
    files = {"wav.scp" if name == SEGMENTS else name: column.values for name, column in checked.columns.items()}
    data = DataDir.of({name: {key: values[key] for key in kept} for name, values in files.items()})
    with atomic_dir(checked.path) as folder:
        for other in checked.path.iterdir():
            if other.name in SIDE_FILES:
                rows = (row for row in scan_two_column(other) if row[1] in data.text and isinstance(row[2], str))
                write_two_column(folder / other.name, {key: str(value) for _, key, value in rows})
            elif other.is_dir():
                shutil.copytree(other, folder / other.name)
            elif other.name not in (*FIELDS, SEGMENTS, "spk2utt"):
                shutil.copy2(other, folder / other.name)
        data.write_files(folder)
    return bad
