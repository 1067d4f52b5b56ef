"""Fluent Speech Commands (Lugosch et al. 2019): smart-home commands, each with an (action, object, location) tuple.

Read from ``data/{train,valid,test}_data.csv`` with the audio where their ``path`` says. Beside the original split
(``train``, ``dev``, ``test``), two more are drawn over all utterances with the original's sizes:
``unseen_speaker_*``, whose test and dev speakers do not occur elsewhere, and ``unseen_utterance_*``, whose test and dev
phrasings do not, while every tuple keeps at least one phrasing for training. How a tuple becomes a tree:
``espnet_atat.corpora.fsc_rules``.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, BuildOptions, Report, Utterance, add_build_arguments
from espnet_atat.corpora.fsc_rules import Triple, tree_of, triple_of
from espnet_atat.corpora.readers import Row, read_table
from espnet_atat.corpora.splits import draw_groups, ranked
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

COLUMNS = ("path", "speakerId", "transcription", "action", "object", "location")
PARTS = {"train": "train_data.csv", "dev": "valid_data.csv", "test": "test_data.csv"}
FOLDER = "fluent_speech_commands_dataset"
DRAWN = ("unseen_speaker", "unseen_utterance")


@dataclass(frozen=True)
class Command:
    """An utterance with its tuple and its part of the original split."""

    utterance: Utterance
    triple: Triple
    part: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``prepare fsc``."""
    add_build_arguments(parser)
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=("original", *DRAWN),
        default=["original", *DRAWN],
        help="which splits to write (default: all three)",
    )


def prepare(source: Path, data_dir: Path, **options: Any) -> Report:
    """Write the sets of the original split and of the drawn ones.

    Raises:
        UserError: a table is missing or malformed, a tuple is not read back from its tree, or see ``Builder.write``.
    """
    root = _find_root(source)
    build = BuildOptions.from_options(options)
    builder = Builder("fsc", root, data_dir, build)
    commands = [command for part in PARTS for command in _read_part(root, part, build.rules)]
    triples, phrasings = {c.triple for c in commands}, {c.utterance.text for c in commands}
    builder.note(f"{len(commands)} utterances, {len(triples)} distinct tuples, {len(phrasings)} phrasings")
    wanted = options.get("splits") or ("original", *DRAWN)
    if "original" in wanted:
        for part in PARTS:
            builder.write(part, [c.utterance for c in commands if c.part == part])
    sizes = Counter(c.part for c in commands)
    if "unseen_speaker" in wanted:
        _write_drawn(builder, "unseen_speaker", commands, _by_speaker(commands, sizes, build.seed))
    if "unseen_utterance" in wanted:
        _write_drawn(builder, "unseen_utterance", commands, _by_phrasing(commands, sizes, build.seed))
    return builder.report


def _find_root(source: Path) -> Path:
    for root in (source, source / FOLDER):
        if (root / "data" / PARTS["train"]).is_file():
            return root
    raise UserError(f"{source}: no data/{PARTS['train']}; give the folder '{FOLDER}' that the archive unpacks to")


def _read_part(root: Path, part: str, rules: Normalisation) -> list[Command]:
    path = root / "data" / PARTS[part]
    return [_read_row(root, part, row, rules) for row in read_table(path, COLUMNS)]


def _read_row(root: Path, part: str, row: Row, rules: Normalisation) -> Command:
    for column in COLUMNS:
        if not row[column]:
            raise UserError(f"{row.where}: column {column!r} is empty")
    triple = Triple(row["action"], row["object"], row["location"])
    text = normalise_words(row["transcription"], rules)
    try:
        tree = tree_of(triple, text)
    except UserError as error:
        raise UserError(f"{row.where}: {error}") from error
    if triple_of(tree) != triple:
        raise UserError(f"{row.where}: the tags of {tree} give {tuple(triple_of(tree))}, not {tuple(triple)}")
    if tree.words() != text.split():
        raise UserError(f"{row.where}: the words of {tree} are not the transcript {text!r}")
    speaker = row["speakerId"]
    utterance_id = f"{speaker}-{Path(row['path']).stem}"
    utterance = Utterance(utterance_id, text, tree.serialise(), str(root / row["path"]), speaker, row.where)
    return Command(utterance, triple, part)


def _write_drawn(builder: Builder, split: str, commands: list[Command], part_of: dict[str, str]) -> None:
    for part in PARTS:
        builder.write(f"{split}_{part}", [c.utterance for c in commands if part_of[c.utterance.id] == part])


def _by_speaker(commands: list[Command], sizes: Counter[str], seed: int) -> dict[str, str]:
    """Utterance → part, by speakers drawn until test and dev have about the original sizes."""
    left = Counter(str(c.utterance.speaker) for c in commands)
    part_of_speaker = dict.fromkeys(left, "train")
    for part in ("test", "dev"):
        drawn = draw_groups(left, sizes[part], seed)
        part_of_speaker.update(dict.fromkeys(drawn, part))
        for speaker in drawn:
            del left[speaker]
    return {c.utterance.id: part_of_speaker[str(c.utterance.speaker)] for c in commands}


def _by_phrasing(commands: list[Command], sizes: Counter[str], seed: int) -> dict[str, str]:
    """Utterance → part, by phrasings drawn while each tuple keeps one, until test and dev have about their sizes."""
    counts = Counter(c.utterance.text for c in commands)
    triples: dict[str, set[Triple]] = {}
    for command in commands:
        triples.setdefault(command.utterance.text, set()).add(command.triple)
    left = Counter(triple for of_phrasing in triples.values() for triple in of_phrasing)
    part_of_phrasing = dict.fromkeys(counts, "train")
    for part in ("test", "dev"):
        total = 0
        for phrasing in ranked(counts, seed):
            free = part_of_phrasing[phrasing] == "train" and all(left[triple] > 1 for triple in triples[phrasing])
            overshoot = total + counts[phrasing] - sizes[part]
            if free and (total == 0 or overshoot <= sizes[part] - total):
                part_of_phrasing[phrasing] = part
                total += counts[phrasing]
                left.subtract(triples[phrasing])
    return {c.utterance.id: part_of_phrasing[c.utterance.text] for c in commands}
