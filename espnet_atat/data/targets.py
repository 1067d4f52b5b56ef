"""What the sets of a mixture contain: their targets, the tags in them, and fingerprints of the data."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from espnet_atat.data.mixture import TREE_TASKS, Part, examples_of
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import features_digest, file_digest
from espnet_atat.semantics.tree import is_tag


def part_identity(part: Part, dump: Path) -> dict[str, Any]:
    """A part of a mixture, with the fingerprints of what it reads in its dump dir: audio or text, trees or text."""
    folder = dump / part.set
    return {
        "part": {key: value for key, value in dataclasses.asdict(part).items() if value not in (None, False)},
        "source": features_digest(folder) if part.source == "speech" else file_digest(folder / "text"),
        "target": file_digest(folder / ("target" if part.task in TREE_TASKS else "text")),
    }


def holds_audio(parts: Iterable[Part], dump: Path, earlier: dict[str, bool] | None = None) -> bool:
    """Whether a model takes audio (``--feats_type raw``), not features, as what it was trained on ``earlier`` did."""
    spoken = dict(earlier or {})
    for part in parts:
        if part.source == "speech":
            folder = dump / part.set
            spoken[part.set] = not (folder / "feats.scp").is_file() and (folder / "wav.scp").is_file()
    kinds = {raw: name for name, raw in spoken.items()}
    if len(kinds) == 2:
        raise UserError(
            f"{kinds[True]} holds audio and {kinds[False]} features: make both in stage 6 with one --feats_type"
        )
    return True in kinds


def targets_of(parts: Iterable[Part], dump: Path) -> list[str]:
    """The targets of some parts without their task token, each utterance once: its tree if any part has it."""
    found: dict[tuple[str, str], str] = {}
    for part in sorted(parts, key=lambda part: part.task in TREE_TASKS):
        _, targets = examples_of(part, dump)
        for example, target in targets.items():
            found[part.set, example.removeprefix(f"{part.group}-")] = target.partition(" ")[2]
    return [found[key] for key in sorted(found)]


def unseen_tags(train: Iterable[Part], valid: Iterable[Part], dump: Path) -> list[str]:
    """Tags of the trees of ``valid`` that no tree of ``train`` has, sorted.

    A small share of a corpus's trees may lack a label that occurs in the rest. Its tag gets a row in the embedding, so
    that the validation loss is defined. No example trains that row, so the tag is hardly ever predicted.
    """
    return sorted(_tags(valid, dump) - _tags(train, dump))


def _tags(parts: Iterable[Part], dump: Path) -> set[str]:
    trees = (examples_of(part, dump)[1] for part in parts if part.task in TREE_TASKS)
    return {token for targets in trees for target in targets.values() for token in target.split() if is_tag(token)}


def targets_identity(parts: Sequence[Part], dump: Path) -> list[dict[str, Any]]:
    """Fingerprints of the targets only: neither the audio nor the shares matter here."""
    found = []
    for part in parts:
        identity = part_identity(part, dump)
        chosen = {key: identity["part"][key] for key in ("set", "limit", "complement") if key in identity["part"]}
        found.append({"part": chosen, "target": identity["target"]})
    return [entry for position, entry in enumerate(found) if entry not in found[:position]]
