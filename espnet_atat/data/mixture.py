"""A mixture: the sets to train on, each with its task and its share.

``train`` or ``valid`` of a mixture, as ``recipe.yaml`` has them, is a list::

    - {task: slu, set: mini/music_train, weight: 3}
    - {task: asr, set: mini/sentences_train, weight: 1}
    - {task: nlu, set: mini/music_text}            # no weight: its number of examples

It is written as a folder of Kaldi-style files for ESPnet's options, in which each utterance has the id
``<task>-<set>-<utterance>``.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_atat.atomic import atomic_dir
from espnet_atat.datadir import read_two_column, read_wav, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.schema import read
from espnet_atat.text.vocabulary import TASK_SOURCE, TASKS, task_labels, task_token

#: Tasks whose target is the tree; the others' target is the transcript.
TREE_TASKS = frozenset({"slu", "nlu"})
#: Draws the utterances of a part with a limit: the same ones whatever the seed of a training run.
SEED_OF_LIMITS = 0


class TaskLabels:
    """What has a ``task`` to start the decoder from: a label, or an ensemble of one kind joined by ``+``."""

    task: str

    @property
    def tasks(self) -> tuple[str, ...]:
        return task_labels(self.task)

    @property
    def wants_trees(self) -> bool:
        """Whether the output is a tree (else words)."""
        return self.tasks[0] in TREE_TASKS

    def check_labels(self) -> None:
        """Raise :class:`UserError` for an unknown label, or for labels of two kinds."""
        for task in self.tasks:
            task_token(task)
        if len({task in TREE_TASKS for task in self.tasks}) > 1:
            raise UserError(f"task {self.task!r}: an ensemble has labels for trees (slu, nlu) or for words (asr, mlm)")


@dataclass(frozen=True)
class Part:
    """One entry of a mixture.

    Attributes:
        task: asr, slu, mlm or nlu.
        set: ``recipe/set`` below the dump folder.
        weight: share of the examples drawn, relative to the other parts; None: the set's number of examples.
        limit: use only so many utterances, drawn at random (low-resource rows of the tables): a whole number, or a
            fraction of the set below 1.
        complement: with ``limit``, use the utterances that it leaves out (table 1: asr of the other 90 %).
        label: another task, whose token is used as BOS. ``{task: slu, label: nlu}`` trains the decoder on audio under
            the label that zero-shot decoding will use; the paper does not mention this.
        name: used in the ids of its examples if two sets of a mixture have the same name; None: the set's name.
    """

    task: str
    set: str
    weight: float | None = None
    limit: float | None = None
    complement: bool = False
    label: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        for task in filter(None, (self.task, self.label)):
            task_token(task)
        recipe, _, name = self.set.partition("/")
        if not recipe or not name or "-" in name or "/" in name:
            raise UserError(f"set is recipe/name, the name without '-', found {self.set!r}")
        if self.name is not None and not self.name.isidentifier():
            raise UserError(f"name must consist of letters, digits and _, found {self.name!r}")
        for key, value in (("weight", self.weight), ("limit", self.limit)):
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"{key} is a number above 0, found {value!r}")
        if isinstance(self.limit, float) and self.limit >= 1:  # 1.0 could mean all or one
            raise UserError(f"limit is a whole number of utterances or a fraction below 1, found {self.limit!r}")
        if self.complement and self.limit is None:
            raise UserError("complement goes with limit")

    @property
    def source(self) -> str:
        """``speech`` or ``text_in``."""
        return TASK_SOURCE[self.task]

    @property
    def group(self) -> str:
        """Prefix of its examples' ids: ``slu-music_train``, or ``slu.nlu-music_train`` with a label."""
        labelled = self.task if self.label is None else f"{self.task}.{self.label}"
        return f"{labelled}-{self.name or self.set.rpartition('/')[2]}"

    @property
    def about(self) -> str:
        """``slu as nlu mini/music_train, limit 0.1, weight 2``: for people."""
        notes = [
            f"{key} {value:g}" for key, value in (("limit", self.limit), ("weight", self.weight)) if value is not None
        ]
        labelled = self.task if self.label is None else f"{self.task} as {self.label}"
        return ", ".join([f"{labelled} {self.set}", *notes, *(["complement"] if self.complement else [])])


def group_of(utt_id: str) -> str:
    """``slu-music_train-af_heart-0001`` -> ``slu-music_train``."""
    return "-".join(utt_id.split("-", 2)[:2])


def task_of(group: str) -> str:
    """``slu.nlu-music_train`` -> ``slu``."""
    return group.partition("-")[0].partition(".")[0]


def parse_mixture(entries: object, where: str) -> list[Part]:
    """Read the entries of a mixture; a message names the entry by its number."""
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{where}: a mixture is a list of {{task, set, weight}}, found {type(entries).__name__}")
    return [read(Part, entry, f"{where}: entry {number}") for number, entry in enumerate(entries, 1)]


def examples_of(part: Part, dump: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Sources and targets of a part by example id: features path or words, and ``<task> tokens``."""
    folder = dump / part.set
    source_file = folder / ("feats.scp" if part.source == "speech" else "text")
    if part.source == "speech" and not source_file.is_file():
        source_file = folder / "wav.scp"
    target_file = folder / ("target" if part.task in TREE_TASKS else "text")
    for file in (source_file, target_file):
        if not file.is_file():
            raise UserError(
                f"{file}: no such file, but the mixture trains {part.task} on {part.set}: run stages 1 to 6"
            )
    sources = read_wav(folder) if source_file.name == "wav.scp" else read_two_column(source_file)
    targets = read_two_column(target_file)
    kept = _limited(sorted(sources), part)
    for utt_id in kept:
        if not targets.get(utt_id):
            raise UserError(f"{target_file}: utterance {utt_id} has no target: drop it with bin.validate --fix")
        if not sources[utt_id]:
            raise UserError(f"{source_file}: utterance {utt_id} is empty: drop it with bin.validate --fix")
    bos = task_token(part.label or part.task)
    return (
        {f"{part.group}-{utt_id}": sources[utt_id] for utt_id in kept},
        {f"{part.group}-{utt_id}": f"{bos} {targets[utt_id]}" for utt_id in kept},
    )


def write_mixture(parts: Sequence[Part], dump: str | Path, output: str | Path) -> dict[str, int]:
    """Write a mixture's ``speech.scp``, ``text_in``, ``text`` and ``groups`` (group and weight).

    Args:
        dump: folder of ``recipe/set`` dirs with features.

    Returns:
        Number of examples by group.
    """
    streams: dict[str, dict[str, str]] = {"speech": {}, "text_in": {}, "text": {}}
    counts: dict[str, int] = {}
    weights: dict[str, str] = {}
    for part in parts:
        if part.group in counts:
            raise UserError(f"the mixture has {part.group} twice: give one of the two a name of its own (name: …)")
        sources, targets = examples_of(part, Path(dump))
        if not sources:
            chosen = f" with limit {part.limit}{', complement' if part.complement else ''}" if part.limit else ""
            raise UserError(f"{part.group}: nothing of {part.set} is taken{chosen}: change it, or leave the part out")
        streams[part.source].update(sources)
        streams["text"].update(targets)
        counts[part.group] = len(targets)
        weights[part.group] = str(part.weight if part.weight is not None else len(targets))
    with atomic_dir(output) as folder:
        for stream, rows in streams.items():
            if rows:
                write_two_column(folder / ("speech.scp" if stream == "speech" else stream), rows)
        write_two_column(folder / "groups", weights)
    return counts


def stream_options(folder: str | Path) -> list[tuple[str, str, str]]:
    """ESPnet's (path, name, type) of the streams of a written mixture."""
    folder = Path(folder)
    speech = folder / "speech.scp"
    options = [(str(folder / "text"), "text", "text")]
    if speech.is_file():
        with speech.open(encoding="utf-8") as handle:
            first = handle.readline()
        # Kaldi's ark offsets end in `:digits`; anything else is a path of audio.
        kind = "kaldi_ark" if first.rstrip().rpartition(":")[2].isdigit() else "sound"
        options.insert(0, (str(speech), "speech", kind))
    if (folder / "text_in").is_file():
        options.append((str(folder / "text_in"), "text_in", "text"))
    return options


def _limited(utt_ids: list[str], part: Part) -> list[str]:
    if part.limit is None:
        return utt_ids
    count = round(part.limit * len(utt_ids)) if part.limit < 1 else int(part.limit)
    chosen = set(random.Random(f"{SEED_OF_LIMITS} {part.set}").sample(utt_ids, min(count, len(utt_ids))))
    return [utt_id for utt_id in utt_ids if (utt_id in chosen) != part.complement]


def describe_shares(groups: Path) -> str:
    """``asr 60.0 %, slu 40.0 %``: of each task, from the weights of a mixture's groups."""
    weights = dict.fromkeys(TASKS, 0.0)
    for group, weight in read_two_column(groups).items():
        weights[task_of(group)] += float(weight)
    total = sum(weights.values())
    return ", ".join(f"{task} {100 * weight / total:.1f} %" for task, weight in weights.items() if weight)
