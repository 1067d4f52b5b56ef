"""Fluent Speech Commands (Lugosch et al. 2019): smart-home commands, each with an (action, object, location) tuple.

Read from ``data/{train,valid,test}_data.csv`` with the audio where their ``path`` says. Beside the original split
(``train``, ``dev``, ``test``) there are

* ``unseen_{train,dev,test_speaker,test_utterance}`` and ``challenge_*``, the public splits of Arora et al. 2021
  (github.com/maseEval/mase): one model is tested on new speakers and on new phrasings. They are read from
  ``data/unseen_splits`` and ``data/challenge_splits``, ``{train,valid,speaker_test,utterance_test}_data.csv``, if these
  folders are there. Else they are drawn: speakers at random; phrasings tuple by tuple, for ``challenge`` those that
  share the fewest words with others of their tuple. What has both a test speaker and a test phrasing is left out.
* ``unseen_speaker_{train,dev,test}`` and ``unseen_utterance_*``, drawn over all utterances with the original's sizes:
  test and dev speakers, or phrasings, do not occur elsewhere.

Phrasings are drawn so that each tuple is tested as often as another, and keeps at least one phrasing for training. How
a tuple becomes a tree: ``espnet_atat.corpora.fsc_rules``.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.fsc_rules import Triple, tree_of
from espnet_atat.corpora.readers import Row, find_root, read_table
from espnet_atat.corpora.splits import draw_parts, ranked
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.normalise import Normalisation, normalise_words

COLUMNS = ("path", "speakerId", "transcription", "action", "object", "location")
PARTS = {"train": "train_data.csv", "dev": "valid_data.csv", "test": "test_data.csv"}
#: The public splits and their sizes, as ESPnet's recipes fsc_unseen and fsc_challenge count them.
PUBLIC = {
    "unseen": {"test_speaker": 3366, "test_utterance": 3970, "dev": 2624},
    "challenge": {"test_speaker": 3349, "test_utterance": 4201, "dev": 2597},
}
PUBLIC_FILES = {
    "train": "train_data.csv",
    "dev": "valid_data.csv",
    "test_speaker": "speaker_test_data.csv",
    "test_utterance": "utterance_test_data.csv",
}
UTTERANCES = 30_043  # in the whole corpus; the sizes are shares of it
SPLITS = ("original", "unseen_speaker", "unseen_utterance", *PUBLIC)


class Command(NamedTuple):
    utterance: Utterance
    triple: Triple
    part: str  # of the original split


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--splits", nargs="+", choices=SPLITS, default=SPLITS, help="which splits to write (default: all)"
    )


def prepare(source: Path, data_dir: Path, *, splits: Sequence[str] = SPLITS, **options: Any) -> PreparationReport:
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
    drawn = f"drawn with seed {builder.options.seed}"
    for split in (name for name in SPLITS if name in splits):
        if split in PUBLIC:
            _write_public(builder, root, split, commands)
            continue
        parts, about = [command.part for command in commands], "the corpus's own"
        if split == "unseen_speaker":
            part_of = draw_parts(Counter(speakers), sizes, builder.options.seed)
            parts, about = [part_of[speaker] for speaker in speakers], f"speakers {drawn}"
        elif split == "unseen_utterance":
            part_of = _draw_phrasings(commands, sizes, ranked(phrasings, builder.options.seed))
            parts, about = [part_of[command.utterance.text] for command in commands], f"phrasings {drawn}, by tuple"
        for part in PARTS:
            name = part if split == "original" else f"{split}_{part}"
            chosen = [command for command, own in zip(commands, parts, strict=True) if own == part]
            _write(builder, name, chosen, about, len(triples))
    return builder.report


def _write(builder: Builder, name: str, commands: Sequence[Command], about: str, tuples: int) -> None:
    found = len({command.triple for command in commands})
    builder.note(f"{name}: {found} of {tuples} tuples; split: {about}")
    builder.write(name, [command.utterance for command in commands], about)


def _write_public(builder: Builder, root: Path, split: str, commands: Sequence[Command]) -> None:
    """Write a public split: from its own tables, else one that is drawn in its manner."""
    folder = root / "data" / f"{split}_splits"
    tuples = len({command.triple for command in commands})
    if folder.is_dir():
        for part, table in PUBLIC_FILES.items():
            if not (folder / table).is_file():
                raise UserError(f"{folder}: no {table}; the split is {', '.join(PUBLIC_FILES.values())}")
            rows = (_read_row(root, part, row, builder.options.rules) for row in read_table(folder / table, COLUMNS))
            _write(builder, f"{split}_{part}", list(rows), f"the public {split} split", tuples)
        return
    seed = builder.options.seed + list(PUBLIC).index(split)
    sizes = {part: round(size / UTTERANCES * len(commands)) for part, size in PUBLIC[split].items()}
    speakers = Counter(str(command.utterance.speaker) for command in commands)
    of_speaker = draw_parts(speakers, {"test_speaker": sizes["test_speaker"]}, seed)
    order = ranked({command.utterance.text for command in commands}, seed)
    if split == "challenge":
        overlap = _overlap(commands)
        order.sort(key=lambda phrasing: overlap[phrasing])
    of_phrasing = _draw_phrasings(commands, {"test_utterance": sizes["test_utterance"]}, order)
    chosen: dict[str, list[Command]] = {part: [] for part in (*PUBLIC_FILES, "both")}
    for command in commands:
        tests = {of_speaker[str(command.utterance.speaker)], of_phrasing[command.utterance.text]} - {"train"}
        chosen["both" if len(tests) == 2 else min(tests, default="train")].append(command)
    held_out = set(ranked((command.utterance.id for command in chosen["train"]), seed)[: sizes["dev"]])
    chosen["dev"] = [command for command in chosen["train"] if command.utterance.id in held_out]
    chosen["train"] = [command for command in chosen["train"] if command.utterance.id not in held_out]
    builder.note(f"{split}: {len(chosen['both'])} utterances of test speakers with test phrasings left out")
    about = f"drawn with seed {builder.options.seed} in the manner of the public {split} split, which is not there"
    for part in PUBLIC_FILES:
        _write(builder, f"{split}_{part}", chosen[part], about, tuples)


def _overlap(commands: Sequence[Command]) -> dict[str, float]:
    """Phrasing → the share of its words that other phrasings of its tuple have."""
    phrasings: dict[Triple, set[str]] = {}
    for command in commands:
        phrasings.setdefault(command.triple, set()).add(command.utterance.text)
    overlap = {}
    for command in commands:
        text = command.utterance.text
        others = {word for other in phrasings[command.triple] - {text} for word in other.split()}
        words = text.split()
        overlap[text] = sum(word in others for word in words) / len(words)
    return overlap


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


def _draw_phrasings(commands: Sequence[Command], sizes: Mapping[str, int], order: Sequence[str]) -> dict[str, str]:
    """Phrasing → part: the others have about their sizes, each tuple as many phrasings of a part as another.

    Of the phrasings whose tuples have the fewest in the part the first in ``order`` is drawn; a tuple keeps one.
    """
    counts = Counter(c.utterance.text for c in commands)
    triples: dict[str, set[Triple]] = {}
    for command in commands:
        triples.setdefault(command.utterance.text, set()).add(command.triple)
    left = Counter(triple for of_phrasing in triples.values() for triple in of_phrasing)
    part_of_phrasing = dict.fromkeys(counts, "train")
    for part, size in sizes.items():
        total, drawn = 0, Counter[Triple]()
        while True:
            free = [
                phrasing
                for phrasing in order
                if part_of_phrasing[phrasing] == "train"
                and all(left[triple] > 1 for triple in triples[phrasing])
                and (total == 0 or total + counts[phrasing] - size <= size - total)
            ]
            if not free:
                break
            phrasing = min(free, key=lambda each: max(drawn[triple] for triple in triples[each]))
            part_of_phrasing[phrasing] = part
            total += counts[phrasing]
            drawn.update(triples[phrasing])
            left.subtract(triples[phrasing])
    return part_of_phrasing
