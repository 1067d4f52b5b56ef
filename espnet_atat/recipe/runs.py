"""Folders below ``exp/runs`` named by what decides their content: nothing is made twice, nothing is overwritten.

exp/runs/<short name>-<hash>/run.yaml     all that the hash covers, and what made it
exp/runs/<short name>-<hash>/done         written last; a folder without it is continued or made anew
"""

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import yaml

from espnet_atat import __version__
from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import RUNS
from espnet_atat.errors import UserError
from espnet_atat.recipe.fingerprint import digest

#: How long to wait for another process that holds a run's lock, in seconds.
PATIENCE = 5.0
LOCK = ".lock"


@dataclass(frozen=True)
class Run:
    """A folder that is made once.

    Attributes:
        name: short, for people.
        identity: all that decides the content, as JSON can write it.
        notes: how it came to this identity; written down with it, and no part of it.
    """

    name: str
    identity: Mapping[str, Any]
    notes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Hash of the identity."""
        return digest(self.identity)

    @property
    def folder(self) -> Path:
        return RUNS / f"{self.name}-{self.key}"

    @property
    def is_done(self) -> bool:
        return (self.folder / "done").is_file()

    @property
    def facts(self) -> dict[str, Any]:
        """What :meth:`finish` noted; ``seconds`` is always there."""
        return json.loads((self.folder / "done").read_text(encoding="utf-8"))

    def remove(self) -> None:
        """Empty the folder, so that it is made anew (``--force``).

        Raises:
            UserError: another process is at work on it.
        """
        if not self.folder.exists():
            return
        with self._alone():
            (self.folder / "done").unlink(missing_ok=True)
            for path in self.folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif path.name != LOCK:
                    path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / LOCK).open("w") as lock:
            if not _locked(lock):
                raise UserError(f"{self.folder}: another process is at work on it; wait for it, or end it")
            yield

    @contextmanager
    def open(self) -> Iterator[Path]:
        """Make the folder, or take up what an interrupted call left of it.

        Raises:
            UserError: another process is at work on it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            origin = {"espnet_atat": __version__, "commit": commit(), "started": time.strftime("%Y-%m-%d %H:%M:%S")}
            with atomic_write(self.folder / "run.yaml") as handle:
                content = {"made_by": {**origin, **self.notes}, **self.identity}
                yaml.safe_dump(content, handle, sort_keys=False, allow_unicode=True)
            yield self.folder

    def finish(self, seconds: float, **facts: Any) -> None:
        """Say that the folder is whole."""
        with atomic_write(self.folder / "done") as handle:
            json.dump({"seconds": round(seconds, 1), **facts}, handle)
            handle.write("\n")


def _locked(lock: IO[str]) -> bool:
    """Whether the lock could be had; a process that was just killed may need a moment to give it up."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.1)
        else:
            return True


def lineage(folder: Path) -> list[Path]:
    """A finished run's folder, then those of all runs that it stands on, as their ``run.yaml`` files say.

    Raises:
        UserError: one of them was removed.
    """
    try:
        identity = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{folder}: this run was removed, but results were made from it: run the stages again"
        ) from error
    parent = identity.get("initialised_from") or {}
    keys = [identity.get("statistics"), identity.get("tokens"), identity.get("grown_from"), parent.get("run")]
    folders = [folder]
    for key in filter(None, keys):
        found = sorted(RUNS.glob(f"*-{key}"))
        if not found:
            raise UserError(f"{RUNS}: no run ends in {key}, which {folder} was made from: run the stages again")
        folders += [each for each in lineage(found[0]) if each not in folders]
    return folders


def commit() -> str:
    """The commit of the code, ``+`` behind it where tracked files differ from it; ``unknown`` without git.

    Kept results are no code: a recipe may keep some while it makes others.
    """
    code = ["--", ".", ":(exclude,top)egs2/*/*/results/*"]
    try:
        found = _git("describe", "--always", "--exclude=*", "--abbrev=12")
        changed = _git("status", "--porcelain", "--untracked-files=no", *code)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + ("+" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
