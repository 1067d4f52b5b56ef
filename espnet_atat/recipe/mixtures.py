"""The parts of a mixture: their fingerprints and targets."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from espnet_atat.config.layout import DUMP
from espnet_atat.config.mixture import MIXTURE_SEED
from espnet_atat.data.mixture import TREE_TASKS, Part, examples_of
from espnet_atat.recipe.fingerprint import part_identity


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
