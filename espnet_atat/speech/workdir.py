"""A folder that is made in ``<name>.partial``, over several runs if need be, and gets its name when it is complete."""

import hashlib
import os
import shutil
from pathlib import Path

JOURNAL = "journal.jsonl"
STAMP = "made_from"


def open_work(output: Path, made_from: object) -> Path:
    """Make or reopen the folder to work in.

    What an interrupted run left there stays only if it was made from the same; ``made_from`` tells by its ``repr``.
    """
    work = output.with_name(output.name + ".partial")
    digest = hashlib.sha256(repr(made_from).encode()).hexdigest()
    stamp = work / STAMP
    if work.exists() and not (stamp.is_file() and stamp.read_text() == digest):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)
    return work


def publish(work: Path, output: Path) -> None:
    """Give the finished folder its name; what stood there before goes, and so do the traces of interrupted runs."""
    for leftover in [work / JOURNAL, work / STAMP, *work.rglob("*.tmp")]:
        leftover.unlink(missing_ok=True)
    if output.exists():
        shutil.rmtree(output)
    os.replace(work, output)


def from_root(path: Path) -> str:
    """The path from the working directory, the repository's root, where it lies below that; else from ``/``."""
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
