"""Files and folders that are either whole or absent: written under a temporary name, renamed when complete.

What takes long, and continues after a kill, is made with ``graph.work``.
"""

import errno
import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


@contextmanager
def naming_full(path: str | Path) -> Iterator[None]:
    """Have the error of a full disk, which names no file, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def atomic_write(path: str | Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file for writing that appears at ``path`` only when the block ends without an error.

    Raises:
        OSError: the folder cannot be written, or the disk is full; ``path`` is then as it was before.
    """
    with _opened(path, "w", sync=True) as handle:
        yield handle


@contextmanager
def _opened(path: str | Path, mode: str, *, sync: bool) -> Iterator[Any]:
    path = Path(path)
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with naming_full(path), temporary.open(mode, encoding="utf-8" if mode == "w" else None) as handle:
            yield handle
            if sync:
                handle.flush()
                os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any, **options: Any) -> None:
    """Write JSON and a line feed; ``options``: of ``json.dump``. Whole or not at all, as :func:`atomic_write`."""
    with atomic_write(path) as handle:
        json.dump(content, handle, **options)
        handle.write("\n")


def write_bytes(path: str | Path, content: bytes, *, sync: bool = True) -> None:
    """Write bytes, whole or not at all, as :func:`atomic_write`.

    Without ``sync``, which waits for the disk, a machine that stops soon may leave an empty file.
    """
    with _opened(path, "wb", sync=sync) as handle:
        handle.write(content)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Give a path of the same name in an empty folder; the file that the block writes there becomes ``path``.

    As :func:`atomic_write`, for what is written by name. Other files of that folder are deleted.
    """
    path = Path(path)
    with scratch_dir(path) as scratch:
        temporary = scratch / path.name
        with naming_full(path):
            yield temporary
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
        os.replace(temporary, path)


@contextmanager
def atomic_dir(path: str | Path) -> Iterator[Path]:
    """Give an empty temporary folder that becomes ``path`` when the block ends without an error.

    A folder that was at ``path`` before is replaced whole; a leftover of an interrupted run is never read.
    """
    path = Path(path)
    with scratch_dir(path) as temporary:
        with naming_full(path):
            yield temporary
        if path.exists():
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)


@contextmanager
def scratch_dir(path: Path) -> Iterator[Path]:
    """Give an empty folder beside ``path``, to make it in; it goes with the block, or when ``path`` is made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _remove_leftovers(path)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary folders of processes that were killed while they wrote ``path``."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*"):
        _, _, rest = leftover.name.rpartition(f".{path.name}.")
        pid, _, kind = rest.partition(".")
        if kind in {"tmp", "old"} and pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
