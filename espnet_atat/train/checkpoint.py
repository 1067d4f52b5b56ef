"""Repair of checkpoints: ESPnet writes ``checkpoint.pth`` in place, so a kill during writing leaves it truncated."""

import logging
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.train.reporter import Reporter

from espnet_atat.atomic import atomic_file

CHECKPOINT = "checkpoint.pth"
BACKUP = "checkpoint.backup.pth"


def is_intact(path: Path) -> bool:
    """Whether a ``.pth`` file exists and is complete, by the checksums of its zip members."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError):
        return False


def copy_into_place(source: Path, destination: Path) -> None:
    """Copy whole or not at all; no link: the source is overwritten in place later."""
    with atomic_file(destination) as temporary, source.open("rb") as reader, temporary.open("wb") as writer:
        shutil.copyfileobj(reader, writer)


def save_in_place(state: dict[str, Any], destination: Path) -> None:
    """Save parameters whole or not at all; makes the folder."""
    with atomic_file(destination) as temporary:
        torch.save(state, temporary)


def repair_run(output_dir: str | Path, best_model_criterion: Sequence[Sequence[str]] = ()) -> list[str]:
    """Before training, replace or remove files that a kill left truncated, so that the run resumes from its last epoch.

    A truncated ``checkpoint.pth`` is replaced by its backup, or removed if there is none. The model of the checkpoint's
    epoch is written again if it is truncated or missing, and the links to it and to the best epochs are set. Models of
    later epochs, truncated averages and dangling links are removed, because training makes them again.

    Args:
        output_dir: of the run; it need not exist.
        best_model_criterion: phase, key and mode of each best model, as given to ESPnet's trainer.

    Returns:
        what was repaired, for the log.
    """
    folder = Path(output_dir)
    repaired: list[str] = []
    if not folder.is_dir():
        return repaired
    checkpoint, backup = folder / CHECKPOINT, folder / BACKUP
    if checkpoint.exists() and not is_intact(checkpoint):
        if is_intact(backup):
            copy_into_place(backup, checkpoint)
            repaired.append(f"{checkpoint.name} was torn: went back to the epoch before")
        else:
            checkpoint.unlink()
            repaired.append(f"{checkpoint.name} was torn and there is no earlier one: training starts over")
    states = torch.load(checkpoint, map_location="cpu", weights_only=True) if checkpoint.is_file() else None
    epochs = int(states["reporter"]["epoch"]) if states is not None else 0
    for path in sorted(folder.glob("*.pth")):
        if path.is_symlink() or path.name in (CHECKPOINT, BACKUP):
            continue
        epoch = path.name.removesuffix("epoch.pth")
        if epoch.isdigit() and int(epoch) > epochs:
            path.unlink()
            repaired.append(f"{path.name} is ahead of the checkpoint's epoch {epochs}: it will be made again")
        elif not is_intact(path):
            path.unlink()
            repaired.append(f"{path.name} was torn: removed")
    last = folder / f"{epochs}epoch.pth"
    if states is not None and not last.exists():
        # ESPnet saves the checkpoint first, then this copy of its model, and averages such copies at the end.
        save_in_place(states["model"], last)
        repaired.append(f"{last.name} was missing: made again from the checkpoint")
    if states is not None:
        # The trainer sets a link only in the epoch that improves it: one that a kill prevented would stay stale.
        for name, target in _links(states["reporter"], best_model_criterion).items():
            link = folder / name
            if (folder / target).exists() and not (link.is_symlink() and link.readlink() == Path(target)):
                link.unlink(missing_ok=True)
                link.symlink_to(target)
                repaired.append(f"{name} now links to {target}")
    for path in sorted(folder.glob("*.pth")):
        if path.is_symlink() and not path.exists():
            path.unlink()
            repaired.append(f"{path.name} links to nothing: removed")
    return repaired


def _links(reports: dict[str, Any], best_model_criterion: Sequence[Sequence[str]]) -> dict[str, str]:
    """Name to target of the links that ESPnet's trainer leaves after the checkpoint's epoch."""
    reporter = Reporter()
    reporter.load_state_dict(reports)
    epochs = {
        f"{phase}.{key}.best.pth": reporter.get_best_epoch(phase, key, mode)
        for phase, key, mode in best_model_criterion
        if reporter.has(phase, key)
    }
    return {name: f"{epoch}epoch.pth" for name, epoch in {"latest.pth": reporter.get_epoch(), **epochs}.items()}


class EpochStart(AbsIterFactory):
    """Tells the preprocessor the epoch and backs up the last checkpoint, and otherwise acts as the wrapped factory.

    ESPnet's trainer asks for the iterator first in every epoch, so the trainer itself needs no change.

    Args:
        preprocess: gets ``epoch``, before the processes that load data are started.
        output_dir: of the checkpoints; None in a process that writes none.
    """

    def __init__(self, factory: AbsIterFactory, preprocess: Any, output_dir: str | Path | None):
        self.factory, self.preprocess, self.output_dir = factory, preprocess, output_dir

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> Any:
        if self.output_dir is not None and is_intact(checkpoint := Path(self.output_dir, CHECKPOINT)):
            copy_into_place(checkpoint, checkpoint.with_name(BACKUP))
            logging.info("kept a copy of the checkpoint of epoch %d", epoch - 1)
        self.preprocess.epoch = epoch
        return self.factory.build_iter(epoch, shuffle)
