"""Mixture files: what a phase trains on and validates on, and its fingerprints."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from espnet_atat.data.mixture import TREE_TASKS, Part, examples_of, parse_mixture
from espnet_atat.errors import UserError
from espnet_atat.recipe.fingerprint import part_identity
from espnet_atat.recipe.layout import DUMP, mixture_file, short
from espnet_atat.recipe.pretrain_slu import KEY, Selection, filled, is_place

#: Draws the utterances of a part with a limit: the same ones whatever the seed of a training run.
MIXTURE_SEED = 0


@dataclass(frozen=True)
class Mixtures:
    """What a phase trains on and validates on.

    Attributes:
        selection: of other corpora, which are among the parts; None: the mixture has no place for such.
    """

    name: str
    train: tuple[Part, ...]
    valid: tuple[Part, ...]
    selection: Selection | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.train, *self.valid)


def load_mixtures(recipe: str, name: str, fold: int | None = None, selection: Selection | None = None) -> Mixtures:
    """Read a mixture file: ``train`` and ``valid``, a list of parts each; ``{fold}`` in it is filled in.

    Args:
        selection: what the places for other corpora are filled with.

    Raises:
        UserError: it is malformed, or has ``{fold}`` where there is no fold, or a place and nothing to fill it with.
    """
    path = mixture_file(recipe, name)
    text = path.read_text(encoding="utf-8")
    if "{fold}" in text:
        if fold is None:
            raise UserError(f"{path}: has {{fold}} in it, but the system has no folds")
        text = text.replace("{fold}", str(fold))
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict) or content.keys() != {"train", "valid"}:
        raise UserError(f"{path}: wants the keys train and valid, each a list of {{task, set, weight}}")
    parts = {}
    for split in ("train", "valid"):
        entries, where = content[split], f"{path}: {split}"
        if selection is not None:
            entries = filled(entries, selection, where, dev=split == "valid")
        elif isinstance(entries, list) and any(map(is_place, entries)):
            raise UserError(f"{path}: {KEY} is of a pretraining; name the sets of a fine-tuning")
        parts[split] = tuple(parse_mixture(entries, where))
    return Mixtures(short(name), **parts, selection=selection)


def identity_of(part: Part) -> dict[str, Any]:
    """A part with the fingerprints of its data."""
    speech, trees = part.source == "speech", part.task in TREE_TASKS
    return part_identity(dataclasses.asdict(part), DUMP / part.set, speech=speech, trees=trees)


def is_raw(part: Part) -> bool:
    """Whether the part reads audio rather than features."""
    folder = DUMP / part.set
    return part.source == "speech" and not (folder / "feats.scp").is_file() and (folder / "wav.scp").is_file()


def targets_of(parts: Iterable[Part]) -> list[str]:
    """The targets of some parts without their task token, each utterance once: its tree if any part has it."""
    found: dict[tuple[str, str], str] = {}
    for part in sorted(parts, key=lambda part: part.task in TREE_TASKS):
        _, targets = examples_of(part, DUMP, MIXTURE_SEED)
        for example, target in targets.items():
            found[part.set, example.removeprefix(f"{part.group}-")] = target.partition(" ")[2]
    return [found[key] for key in sorted(found)]
