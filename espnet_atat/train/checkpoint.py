"""Whole checkpoints only: ESPnet writes ``checkpoint.pth`` in place, so a kill in the middle tears it."""

import logging
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory

CHECKPOINT = "checkpoint.pth"
BACKUP = "checkpoint.backup.pth"


def is_whole(path: Path) -> bool:
    """Whether a ``.pth`` file exists and every byte of it is what was written (its zip members' checksums)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError):
        return False


def copy_into_place(source: Path, destination: Path) -> None:
    """Copy (not link: the source is overwritten in place later), flush, rename."""
    temporary = destination.with_name(f".{destination.name}.tmp")
    with source.open("rb") as reader, temporary.open("wb") as writer:
        shutil.copyfileobj(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())
    os.replace(temporary, destination)


def mend_run(output_dir: str | Path) -> list[str]:
    """Before training: replace or remove what a kill tore, so that the run resumes from its last whole epoch.

    A torn ``checkpoint.pth`` is replaced by its backup, or removed where there is none. The model of the checkpoint's
    epoch is written again if it is torn or missing; models of later epochs, torn averages and links to nothing are
    removed, for training makes them again.

    Returns:
        What was mended, for the log.
    """
    folder = Path(output_dir)
    mended: list[str] = []
    if not folder.is_dir():
        return mended
    checkpoint, backup = folder / CHECKPOINT, folder / BACKUP
    if checkpoint.exists() and not is_whole(checkpoint):
        if is_whole(backup):
            copy_into_place(backup, checkpoint)
            mended.append(f"{checkpoint.name} was torn: went back to the epoch before")
        else:
            checkpoint.unlink()
            mended.append(f"{checkpoint.name} was torn and there is no earlier one: training starts anew")
    states = torch.load(checkpoint, map_location="cpu", weights_only=True) if checkpoint.is_file() else None
    epochs = int(states["reporter"]["epoch"]) if states is not None else 0
    for path in sorted(folder.glob("*.pth")):
        if path.is_symlink() or path.name in (CHECKPOINT, BACKUP):
            continue
        epoch = path.name.removesuffix("epoch.pth")
        if epoch.isdigit() and int(epoch) > epochs:
            path.unlink()
            mended.append(f"{path.name} is behind the checkpoint's epoch {epochs}: it will be made again")
        elif not is_whole(path):
            path.unlink()
            mended.append(f"{path.name} was torn: removed")
    last = folder / f"{epochs}epoch.pth"
    if states is not None and not last.exists():
        # ESPnet saves the checkpoint first, then this copy of its model, and averages such copies in the end.
        temporary = folder / f".{last.name}.tmp"
        torch.save(states["model"], temporary)
        os.replace(temporary, last)
        mended.append(f"{last.name} was missing: made again from the checkpoint")
    for path in sorted(folder.glob("*.pth")):
        if path.is_symlink() and not path.exists():
            path.unlink()
            mended.append(f"{path.name} links to nothing: removed")
    return mended


class GuardedIterFactory(AbsIterFactory):
    """Keeps a whole copy of the last checkpoint at each epoch's start; else the wrapped factory.

    The iterator is what ESPnet's trainer asks for first in every epoch, so that the trainer itself stays untouched.

    Args:
        factory: builds the batches of an epoch.
        output_dir: of the run.
        writes: whether this process writes checkpoints (rank 0).
    """

    def __init__(self, factory: AbsIterFactory, output_dir: str | Path, writes: bool = True):
        self.factory = factory
        self.output_dir = Path(output_dir)
        self.writes = writes

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> Any:
        checkpoint = self.output_dir / CHECKPOINT
        if self.writes and is_whole(checkpoint):
            copy_into_place(checkpoint, self.output_dir / BACKUP)
            logging.info("kept a copy of the checkpoint of epoch %d", epoch - 1)
        return self.factory.build_iter(epoch, shuffle)
