"""A researcher's own data: one table (CSV, TSV or JSON lines), or ready data dirs.

Columns of a table, in any order; every row has ``audio`` or ``transcript``, everything else is optional:

    audio       path, absolute or relative to the table's folder
    transcript  the words
    tree        [IN:SET_LIGHT make the [SL:ROOM kitchen ] blue ]
    intent      set light; with it, instead of a tree,
    slots       room=kitchen; color=blue (or in JSON lines an object, or a list of pairs), values as in the transcript
    speaker     id; without it every utterance is its own speaker
    id          of the utterance; without it the audio file's name or the row number
    split       the set: train, dev, test or any other name; without the column, sets are drawn

All examples of a set are of one kind: either all have audio or none has, and either all have a tree or none has. A set
with only audio can be decoded but not trained on.
"""

import argparse
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, BuildOptions, Report, Utterance, add_build_arguments
from espnet_atat.corpora.custom_slots import tree_of_slots
from espnet_atat.corpora.readers import Row, read_json_lines, read_table
from espnet_atat.corpora.recordings import is_pipe
from espnet_atat.corpora.splits import draw_groups
from espnet_atat.datadir import DataDir, is_test_set
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_tree, normalise_words
from espnet_atat.semantics.tree import parse

COLUMNS = ("audio", "transcript", "tree", "intent", "slots", "speaker", "id", "split")
ALIASES = {"wav": "audio", "path": "audio", "text": "transcript", "transcription": "transcript", "set": "split"}
SHOWN = 20  # bad rows in one message
DRAWN_SHARE = 0.1  # of the utterances, for each of dev and test where there is no split column


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``prepare custom``."""
    add_build_arguments(parser)
    parser.add_argument(
        "--skip_bad_rows", action="store_true", help="leave out bad training and dev rows, rather than stop"
    )
    parser.add_argument("--allow_pipes", action="store_true", help="run wav.scp entries that are shell pipes")


def prepare(source: Path, data_dir: Path, **options: Any) -> Report:
    """Write one set for every value of ``split``, or for every data dir of the source.

    Raises:
        UserError: names file and line of each bad row, up to a limit; or see ``Builder.write``.
    """
    build = BuildOptions.from_options(options)
    builder = Builder("custom", source, data_dir, build)
    if source.is_dir():
        _copy_data_dirs(builder, source)
        return builder.report
    rows = _read_rows(source)
    sets = _collect(builder, rows, source.parent, bool(options.get("skip_bad_rows")))
    if set(sets) == {""}:
        sets = _draw_sets(builder, sets[""])
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
        fields = {ALIASES.get(name.lower(), name.lower()): value for name, value in row.fields.items()}
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
        split = _set_name(row)
        try:
            sets.setdefault(split, []).append(_utterance(row, folder, builder.options.rules))
        except UserError as error:
            if not skip or is_test_set(split):
                bad.append(str(error))
            else:
                builder.note(f"left out: {error}")
    if bad:
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        count = f"{len(bad)} bad rows of {len(rows)}" if len(bad) > 1 else "a bad row"
        raise UserError(f"{count}:\n" + "\n".join(bad[:SHOWN]) + more)
    named = [name for name in sets if name]
    if named and "" in sets:
        raise UserError(f"{sets[''][0].where}: no split, while other rows have one")
    return {name: utterances for name, utterances in sets.items() if utterances}


def _set_name(row: Row) -> str:
    name = _text(row, "split")
    if name and not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise UserError(f"{row.where}: split {name!r} cannot name a folder; use letters, digits, '_', '-' and '.'")
    return name


def _text(row: Row, column: str) -> str:
    """A column as text without surrounding white space; empty if the row lacks it."""
    value = row.fields.get(column)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise UserError(f"{row.where}: {column} is a {type(value).__name__} where text is expected")
    return str(value).strip()


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
    try:
        if tree:
            node = normalise_tree(parse(tree), rules)
            target, words = node.serialise(), " ".join(node.words())
            if transcript and words != text:
                raise UserError(f"the tree's words are {words!r}, the transcript's {text!r}")
            text = words
        elif intent:
            target = tree_of_slots(intent, row.fields.get("slots"), text, rules).serialise()
    except UserError as error:
        raise UserError(f"{row.where}: {error}") from error
    speaker = _identifier(_text(row, "speaker"))
    utterance_id = _identifier(_text(row, "id") or Path(audio).stem) or f"row{row.number:06d}"
    if speaker and not utterance_id.startswith(speaker):
        utterance_id = f"{speaker}-{utterance_id}"
    path = audio if not audio or is_pipe(audio) else str(folder / audio)
    return Utterance(utterance_id, text, target, path or None, (speaker or utterance_id) if audio else None, row.where)


def _identifier(value: str) -> str:
    return re.sub(r"[^\w.-]+", "_", value)


def _draw_sets(builder: Builder, utterances: list[Utterance]) -> dict[str, list[Utterance]]:
    """Train, dev and test with disjoint speakers, or disjoint transcripts if every utterance is its own speaker."""
    shared = len({u.speaker for u in utterances} - {None}) < sum(u.speaker is not None for u in utterances)
    what = "speakers" if shared else "transcripts"

    def key(utterance: Utterance) -> str:
        return (utterance.speaker if shared else None) or utterance.text

    sizes = Counter(map(key, utterances))
    if len(sizes) < 3:
        raise UserError(
            f"{utterances[0].where}: a set each of train, dev and test cannot be drawn from {len(sizes)} {what}; "
            "add the column 'split'"
        )
    left, part_of = Counter(sizes), dict.fromkeys(sizes, "train")
    for part in ("test", "dev"):
        for group in draw_groups(left, max(1, round(DRAWN_SHARE * len(utterances))), builder.options.seed):
            part_of[group] = part
            del left[group]
    builder.note(f"no column 'split': sets drawn with seed {builder.options.seed}, disjoint in {what}")
    sets: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        sets.setdefault(part_of[key(utterance)], []).append(utterance)
    return sets


def _copy_data_dirs(builder: Builder, source: Path) -> None:
    """Ready data dirs: the source itself, or those below it."""
    found = [source] if (source / "text").is_file() else sorted(p.parent for p in source.glob("*/text"))
    if not found:
        raise UserError(f"{source}: neither a data dir nor a folder of data dirs (no file 'text')")
    for folder in found:
        if (folder / "segments").is_file():
            raise UserError(f"{folder}/segments: recordings cut by segments are not read; give one file an utterance")
        data = DataDir.load(folder)
        # Kaldi's rule, so that files sorted by utterance are sorted by speaker too.
        utterances = [
            Utterance(
                id=_with_speaker(key, data.utt2spk),
                text=normalise_words(data.text[key], builder.options.rules),
                target=_normalised_target(folder, data, key, builder.options.rules),
                audio=data.wav[key] if data.wav is not None else None,
                speaker=data.utt2spk[key] if data.utt2spk is not None else None,
                where=f"{folder}: {key}",
            )
            for key in data.ids
        ]
        renamed = sum(utterance.id != key for utterance, key in zip(utterances, data.ids, strict=True))
        if renamed:
            builder.note(f"{folder.name}: {renamed} ids that did not begin with their speaker's now do")
        builder.write(folder.resolve().name, utterances)


def _with_speaker(key: str, utt2spk: dict[str, str] | None) -> str:
    speaker = utt2spk[key] if utt2spk is not None else ""
    return key if key.startswith(speaker) else f"{speaker}-{key}"


def _normalised_target(folder: Path, data: DataDir, key: str, rules: Normalisation) -> str | None:
    if data.target is None:
        return None
    try:
        return normalise_tree(parse(data.target[key]), rules).serialise()
    except UserError as error:
        raise UserError(f"{folder}/target: {key}: {error}") from error
