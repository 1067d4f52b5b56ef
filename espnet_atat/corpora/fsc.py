"""Fluent Speech Commands (Lugosch et al. 2019): smart-home commands, each with an (action, object, location) tuple.

Read from ``data/{train,valid,test}_data.csv`` with the audio where their ``path`` says. Beside the original split
(``train``, ``dev``, ``test``), two more are drawn over all utterances with the original's sizes:
``unseen_speaker_*``, whose test and dev speakers do not occur elsewhere, and ``unseen_utterance_*``, whose test and dev
phrasings do not, while every tuple keeps at least one phrasing for training. How a tuple becomes a tree:
``espnet_atat.corpora.fsc_rules``.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from espnet_atat.corpora.builder import Builder, Report, Utterance
from espnet_atat.corpora.fsc_rules import Triple, tree_of
from espnet_atat.corpora.readers import Row, find_root, read_table
from espnet_atat.corpora.splits import draw_parts, ranked
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.normalise import Normalisation, normalise_words

COLUMNS = ("path", "speakerId", "transcription", "action", "object", "location")
PARTS = {"train": "train_data.csv", "dev": "valid_data.csv", "test": "test_data.csv"}
SPLITS = ("original", "unseen_speaker", "unseen_utterance")


class Command(NamedTuple):
    utterance: Utterance
    triple: Triple
    part: str  # of the original split


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--splits", nargs="+", choices=SPLITS, default=SPLITS, help="which splits to write (default: all three)"
    )


def prepare(source: Path, data_dir: Path, *, splits: Sequence[str] = SPLITS, **options: Any) -> Report:
    """Write the sets of the original split and of the drawn ones."""
    root = find_root(source, "fluent_speech_commands_dataset", f"data/{PARTS['train']}")
    builder = Builder("fsc", root, data_dir, **options)
    commands = [
        _read_row(root, part, row, builder.options.rules)
        for part, table in PARTS.items()
        for row in read_table(root / "data" / table, COLUMNS)
    ]
    triples, phrasings = {c.triple for c in commands}, {c.utterance.text for c in commands}
    builder.note(f"{len(commands)} utterances, {len(triples)} distinct tuples, {len(phrasings)} phrasings")
    counts = Counter(command.part for command in commands)
    sizes = {part: counts[part] for part in ("test", "dev")}  # in the order in which they are drawn
    speakers = [str(command.utterance.speaker) for command in commands]
    for split in (name for name in SPLITS if name in splits):
        parts = [command.part for command in commands]
        if split == "unseen_speaker":
            drawn = draw_parts(Counter(speakers), sizes, builder.options.seed)
            parts = [drawn[speaker] for speaker in speakers]
        elif split == "unseen_utterance":
            drawn = _draw_phrasings(commands, sizes, builder.options.seed)
            parts = [drawn[command.utterance.text] for command in commands]
        for part in PARTS:
            name = part if split == "original" else f"{split}_{part}"
            builder.write(name, [c.utterance for c, own in zip(commands, parts, strict=True) if own == part])
    return builder.report


def _read_row(root: Path, part: str, row: Row, rules: Normalisation) -> Command:
    if empty := [column for column in COLUMNS if not row[column]]:
        raise UserError(f"{row.where}: column {empty[0]!r} is empty")
    if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
        raise UserError(f"{row.where}: path {row['path']!r} leads out of the corpus")
    triple = Triple(row["action"], row["object"], row["location"])
    text = normalise_words(row["transcription"], rules)
    with naming(row.where):
        tree = tree_of(triple, text)
    speaker = row["speakerId"]
    utterance_id = f"{speaker}-{Path(row['path']).stem}"
    utterance = Utterance(utterance_id, text, tree.serialise(), str(root / row["path"]), speaker, row.where)
    return Command(utterance, triple, part)


def _draw_phrasings(commands: list[Command], sizes: Mapping[str, int], seed: int) -> dict[str, str]:
    """Phrasing → part: drawn while each tuple keeps one, until test and dev have about their sizes."""
    counts = Counter(c.utterance.text for c in commands)
    triples: dict[str, set[Triple]] = {}
    for command in commands:
        triples.setdefault(command.utterance.text, set()).add(command.triple)
    left = Counter(triple for of_phrasing in triples.values() for triple in of_phrasing)
    part_of_phrasing = dict.fromkeys(counts, "train")
    for part, size in sizes.items():
        total = 0
        for phrasing in ranked(counts, seed):
            free = part_of_phrasing[phrasing] == "train" and all(left[triple] > 1 for triple in triples[phrasing])
            if free and (total == 0 or total + counts[phrasing] - size <= size - total):
                part_of_phrasing[phrasing] = part
                total += counts[phrasing]
                left.subtract(triples[phrasing])
    return part_of_phrasing
