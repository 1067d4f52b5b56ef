"""A researcher's own data: one table (CSV, TSV or JSON lines), or ready data dirs.

Columns of a table, in any order; every row has ``audio`` or ``transcript``, everything else is optional:

    audio       path, absolute or relative to the table's folder
    start, end  seconds: the stretch of the audio that is the utterance; without them it is all of it
    transcript  the words
    tree        [IN:SET_LIGHT make the [SL:ROOM kitchen ] blue ]
    intent      set light; with it, instead of a tree,
    slots       room=kitchen; color=blue (or in JSON lines an object, or a list of pairs), values as in the transcript
    speaker     id; without it every utterance is its own speaker
    id          of the utterance; without it the audio file's name, with start and end, or the row number
    split       the set: train, dev, test or any other name; without the column, sets are drawn

All examples of a set are of one kind: either all have audio or none has, and either all have a tree or none has. A set
with only audio can be decoded but not trained on.
"""

import argparse
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from espnet_atat.arguments import add_options
from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.custom_slots import tree_of_slots
from espnet_atat.corpora.readers import Row, read_json_lines, read_table, read_tree
from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.splits import draw_parts
from espnet_atat.datadir import Clip, DataDir, check_text, find_data_dirs, is_test_set
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.normalise import Normalisation, normalise_words
from espnet_atat.speech.audio import is_pipe

COLUMNS = ("audio", "transcript", "tree", "intent", "slots", "speaker", "id", "split", "start", "end")
ALIASES = {"wav": "audio", "path": "audio", "text": "transcript", "transcription": "transcript", "set": "split"}
SHOWN = 20  # bad rows in one message


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip_bad_rows", action="store_true", help="leave out bad training and dev rows, rather than stop"
    )
    add_options(parser, AudioRules, ("allow_pipes",))


def prepare(source: Path, data_dir: Path, *, skip_bad_rows: bool = False, **options: Any) -> PreparationReport:
    """Write one set for every value of ``split``, or for every data dir of the source."""
    builder = Builder("custom", source, data_dir, **options)
    if source.is_dir():
        sets = {folder.resolve().name: _read_data_dir(builder, folder) for folder in find_data_dirs(source)}
    else:
        sets = _collect(builder, _read_rows(source), source.parent, skip_bad_rows)
    if set(sets) == {""}:
        sets = _draw_sets(builder, sets[""])
    _check_apart(sets)
    for name, utterances in sorted(sets.items()):
        builder.write(name, utterances)
    return builder.report


def audio_files(table: Path) -> list[Path]:
    """The audio files that a table names; none if it cannot be read, which ``prepare`` will report."""
    try:
        named = [_text(row, "audio") for row in _read_rows(table)]
    except UserError:
        return []
    return [table.parent / audio for audio in named if audio and not is_pipe(audio)]


def _read_rows(path: Path) -> list[Row]:
    """The rows of a table with its columns under their first names."""
    kind = path.suffix.lower()
    if kind in {".jsonl", ".json"}:
        rows = list(read_json_lines(path))
    elif kind in {".csv", ".tsv"}:
        rows = list(read_table(path, (), delimiter="," if kind == ".csv" else "\t"))
    else:
        raise UserError(f"{path}: expected .csv, .tsv, .jsonl, or a folder of data dirs")
    if not rows:
        raise UserError(f"{path}: no rows")
    renamed = []
    for row in rows:
        fields: dict[str, Any] = {}
        for name, value in row.fields.items():
            column = ALIASES.get(name.lower(), name.lower())
            if column in fields:
                raise UserError(f"{row.where}: {name!r} is a second column of the {column}; leave one of them out")
            fields[column] = value
        if unknown := sorted(fields.keys() - set(COLUMNS)):
            raise UserError(f"{row.where}: unknown column {unknown[0]!r}; the columns are {', '.join(COLUMNS)}")
        renamed.append(replace(row, fields=fields))
    if not any({"audio", "transcript"} & row.fields.keys() for row in renamed):
        raise UserError(f"{rows[0].where}: no column 'audio' and no column 'transcript'; one of them is needed")
    return renamed


def _collect(builder: Builder, rows: list[Row], folder: Path, skip: bool) -> dict[str, list[Utterance]]:
    """Set name → utterances; ``""`` where the row names no set."""
    sets: dict[str, list[Utterance]] = {}
    bad: list[str] = []
    for row in rows:
        split = _text(row, "split")
        if split and not re.fullmatch(r"[A-Za-z0-9][\w.-]*", split):
            mend = "use letters, digits, '_', '-' and '.'"
            raise UserError(f"{row.where}: split {split!r} cannot name a folder; {mend}")
        try:
            utterance = _utterance(row, folder, builder.options.rules)
            sets.setdefault(split, []).append(utterance)
        except UserError as error:
            if not skip or is_test_set(split):
                bad.append(str(error))
            else:
                builder.note(f"left out: {error}")
    if len(bad) == 1:
        raise UserError(bad[0])
    if bad:
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise UserError(f"{len(bad)} bad rows of {len(rows)}:\n" + "\n".join(bad[:SHOWN]) + more)
    if "" in sets and len(sets) > 1:
        raise UserError(f"{sets[''][0].where}: no split, while other rows have one")
    return sets


def _text(row: Row, column: str) -> str:
    """A column as text without surrounding white space; empty if the row lacks it."""
    value = row.fields.get(column)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UserError(f"{row.where}: {column} is {value!r} where text is expected; put it between quotes")
    text = str(value).strip()
    check_text(text, f"{row.where}: {column}")
    return text


def _utterance(row: Row, folder: Path, rules: Normalisation) -> Utterance:
    audio, transcript, tree, intent = (_text(row, name) for name in ("audio", "transcript", "tree", "intent"))
    if not audio and not transcript and not tree:
        raise UserError(f"{row.where}: neither audio nor transcript")
    if tree and intent:
        raise UserError(f"{row.where}: both a tree and an intent; give one of them")
    if row.fields.get("slots") and not intent:
        raise UserError(f"{row.where}: slots without an intent")
    if intent and not transcript:
        raise UserError(f"{row.where}: an intent without a transcript; its words are part of the target")
    text = normalise_words(transcript, rules)
    if not text and not tree and not audio:
        raise UserError(f"{row.where}: no words in transcript {transcript!r}")
    target = None
    if tree:
        words, target = read_tree(tree, rules, row.where)
        if transcript and words != text:
            raise UserError(f"{row.where}: the tree's words are {words!r}, the transcript's {text!r}")
        text = words
    elif intent:
        with naming(row.where):
            target = tree_of_slots(intent, row.fields.get("slots"), text, rules).serialise()
    speaker = _identifier(_text(row, "speaker"))
    path = audio if not audio or is_pipe(audio) else str(folder / audio)
    clip = _clip(row, path)
    stem = Path(audio).stem
    if not clip.is_whole:  # in milliseconds, as Kaldi's recipes have centiseconds
        stem += f"-{clip.start * 1000:08.0f}" + ("" if clip.end is None else f"-{clip.end * 1000:08.0f}")
    own_id = _identifier(_text(row, "id") or stem) or f"row{row.number:06d}"
    utterance_id, path = _with_speaker(own_id, speaker), str(clip)
    return Utterance(utterance_id, text, target, path or None, (speaker or utterance_id) if audio else None, row.where)


def _clip(row: Row, path: str) -> Clip:
    """What of a file the columns ``start`` and ``end`` give the utterance."""
    start, end = _text(row, "start"), _text(row, "end")
    if not (start or end):
        return Clip(path)
    if not path:
        raise UserError(f"{row.where}: start and end without audio")
    with naming(row.where):
        return Clip.of_segment(f"audio {start or 0} {end or -1}", {"audio": path})


def _identifier(value: str) -> str:
    return re.sub(r"[^\w.-]+", "_", value)


def _with_speaker(key: str, speaker: str) -> str:
    """Kaldi's rule, so that files sorted by utterance are sorted by speaker too."""
    return key if key.startswith(speaker) else f"{speaker}-{key}"


def _draw_sets(builder: Builder, utterances: list[Utterance]) -> dict[str, list[Utterance]]:
    """Train, dev and test with disjoint speakers, or disjoint transcripts if every utterance is its own speaker."""
    shared = len({u.speaker for u in utterances} - {None}) < sum(u.speaker is not None for u in utterances)
    what = "speakers" if shared else "transcripts"
    keys = [(utterance.speaker if shared else None) or utterance.text for utterance in utterances]
    sizes = Counter(keys)
    if len(sizes) < 3:
        found = f"a set each of train, dev and test cannot be drawn from {len(sizes)} {what}"
        raise UserError(f"{utterances[0].where}: {found}; add the column 'split'")
    size = max(1, round(0.1 * len(utterances)))  # of dev, and of test
    part_of = draw_parts(sizes, {"test": size, "dev": size}, builder.options.seed)
    builder.note(f"no column 'split': sets drawn with seed {builder.options.seed}, disjoint in {what}")
    sets: dict[str, list[Utterance]] = {}
    for key, utterance in zip(keys, utterances, strict=True):
        sets.setdefault(part_of[key], []).append(utterance)
    return sets


def _check_apart(sets: Mapping[str, Sequence[Utterance]]) -> None:
    """Refuse a recording of a test set that another set, of the same fold if it has one, holds too."""
    other: dict[tuple[str, Clip], Utterance] = {}
    tested: list[tuple[tuple[str, Clip], Utterance]] = []
    for name, utterances in sets.items():
        fold = "".join(re.findall(r"fold\d+", name))
        for each in utterances:
            if each.audio is None or is_pipe(each.audio):
                continue
            clip = Clip.of(each.audio)
            key = (fold, replace(clip, path=os.path.realpath(clip.path)))
            if is_test_set(name):
                tested.append((key, each))
            else:
                other[key] = each
    for key, each in tested:
        if key in other:
            heard = other[key].where
            raise UserError(f"{each.where}: the recording {key[1]} is in a test set, and by {heard} in another set too")


def _read_data_dir(builder: Builder, folder: Path) -> list[Utterance]:
    data, rules = DataDir.load(folder), builder.options.rules
    target, wav, speakers = data.target or {}, data.wav or {}, data.utt2spk or {}
    utterances = [
        Utterance(
            id=_with_speaker(key, speakers.get(key, "")),
            text=normalise_words(data.text[key], rules),
            target=read_tree(target[key], rules, f"{folder}/target: {key}")[1] if key in target else None,
            audio=wav.get(key),
            speaker=speakers.get(key),
            where=f"{folder}: {key}",
        )
        for key in data.ids
    ]
    if renamed := sum(utterance.id != key for utterance, key in zip(utterances, data.ids, strict=True)):
        builder.note(f"{folder.name}: {renamed} ids that did not begin with their speaker's now do")
    return utterances
