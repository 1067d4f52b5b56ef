"""Make a folder or a file whole or not at all, by one process at a time, and continue after a kill.

``output`` is made in ``<output>.partial`` and gets its name when it is complete. A stamp says what it was made from:
``.made.json`` in a folder, ``.<name>.made.json`` beside a file.
"""

import fcntl
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from espnet_atat.atomic import naming_full, write_json
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import JOURNAL

STAMP = ".made.json"
#: What this module and ``atomic`` leave beside what they make, if only for a while.
TEMPORARY = re.compile(rf"\..*\.(lock|old|tmp)|.*{re.escape(STAMP)}")
LISTED = 1000  # files of a folder whose names a stamp has; of more it has their number
WAIT = 5.0  # seconds for another process: one that was killed may take a moment to take its workers with it


class MadeMeanwhile(Exception):
    """Another process has made it in the meantime."""


@contextmanager
def working(
    output: Path,
    made_from: str,
    *,
    file: bool = False,
    in_place: bool = False,
    inputs: Iterable[Path] = (),
    notes: dict[str, Any] | None = None,
    anew: bool = False,
    look_again: Callable[[], str] | None = None,
) -> Iterator[Path]:
    """Give a folder to work in; what the block leaves there becomes ``output`` if it ends without an error.

    An interrupted call's folder is kept, journal and all, if it was made from the same.

    Args:
        made_from: hash of all that decides the content.
        file: ``output`` is a file, which the block writes as ``<work>/<name>``. Whatever else it leaves there goes
            beside ``output``, before it.
        in_place: the block writes where ``output`` lies, because it can go on there itself, as ESPnet's trainer does.
        inputs: what is read to make it.
        notes: further entries of the stamp; the block may add some, and may correct ``made_from``. What another
            ``stage`` has made is not replaced.
        anew: start over even if ``output`` is complete. What an interrupted call left is continued all the same.
        look_again: gives ``made_from`` once more, where another process may have changed it.

    Raises:
        MadeMeanwhile: another process has made it of the same while this one waited for it.
    """
    started = time.monotonic()
    notes = {} if notes is None else notes
    if not output.name.strip("."):
        raise UserError(f"{output} would be replaced as a whole; give a folder of its own")
    keep_apart(output, inputs, file=file)
    done_before = is_made(output, made_from)
    with making(output), naming_full(output):
        if not (done_before or anew) and is_made(output, made_from if look_again is None else look_again()):
            raise MadeMeanwhile
        if in_place:
            if anew and is_complete(read_stamp(output)):
                _remove(output)
            place = output.parent if file else output
            place.mkdir(parents=True, exist_ok=True)
            stamp_at = stamp_file(output, file=file)
            for torn in stamp_at.parent.glob(f".{stamp_at.name}.*.tmp"):  # by a kill
                torn.unlink(missing_ok=True)
            write_json(stamp_at, {"made_from": made_from})
            yield place
            write_json(stamp_at, _stamp(made_from, started, notes if file else {**notes, "files": _listing(place)}))
            return
        _check_stage(output, notes.get("stage"))
        check_replaceable(output, read_stamp, file=file)
        check_own(output)
        work, old = output.with_name(f"{output.name}.partial"), output.with_name(f".{output.name}.old")
        check_replaceable(work, read_stamp)
        shutil.rmtree(old, ignore_errors=True)
        if work.exists() and read_stamp(work).get("made_from") != made_from:
            _discard(work, old)
        work.mkdir(exist_ok=True)
        write_json(work / STAMP, {"made_from": made_from})
        try:
            yield work
        except BaseException:
            if not any(each.name != STAMP for each in work.iterdir()):
                _discard(work, old)  # nothing to go on from
            raise
        for leftover in (work / JOURNAL, *work.rglob("*.tmp")):
            if leftover.is_dir():  # of ``atomic_file``, killed
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
        if file:
            _publish_file(work, output, _stamp(made_from, started, notes))
            _discard(work, old)
        else:
            check_own(output)
            write_json(work / STAMP, _stamp(made_from, started, {**notes, "files": _listing(work)}))
            if output.exists():
                _discard(output, old)
            os.replace(work, output)
        shutil.rmtree(old, ignore_errors=True)


def _stamp(made_from: str, started: float, notes: Mapping[str, Any]) -> dict[str, Any]:
    return {"made_from": made_from, "seconds": round(time.monotonic() - started, 3), **notes}


def _listing(folder: Path) -> dict[str, list[str] | int]:
    """The files below a folder, by the folder that they are in: their names, or their number."""
    return {
        place: sorted(names) if len(names) <= LISTED else len(names)
        for place, names in _files_by_folder(folder)
        if names
    }


def _files_by_folder(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder, relative to ``folder``, and its files; without what other calls of ``working`` have made there."""
    for place, inside, names in os.walk(folder):
        here, every = Path(place), set(names)
        links = [name for name in inside if (here / name).is_symlink()]
        inside[:] = [name for name in inside if not (read_stamp(here / name) or TEMPORARY.fullmatch(name))]
        own = (name for name in names if not TEMPORARY.fullmatch(name) and f".{name}{STAMP}" not in every)
        yield os.path.relpath(place, folder), [*own, *links]


def check_own(folder: Path, listed: Mapping[str, list[str] | int] | None = None) -> None:
    """Let a folder be removed only with the files that were there when it was made.

    Args:
        listed: these files, as its stamp has them. Without a list, the folder is not looked into.

    Raises:
        UserError: somebody has put another file there.
    """
    listed = read_stamp(folder).get("files") if listed is None else listed
    if listed is None or not folder.is_dir():
        return
    for place, names in _files_by_folder(folder):
        known = listed.get(place, [])
        if isinstance(known, int):
            added = sorted(names, key=lambda name: os.lstat(folder / place / name).st_mtime)[known:]
        else:
            added = sorted({*names} - {*known})
        if added:
            raise UserError(
                f"{folder / place / added[-1]}: put there after {folder} was made, which is to be replaced or "
                "removed: move or delete it first"
            )


def remove(output: Path, *, stamp_only: bool = False) -> None:
    """Take away what ``working`` has made, or only the stamp that says so, so that it is made again."""
    with making(output):
        check_replaceable(output, read_stamp, file=output.is_file())
        if stamp_only:
            stamp_file(output).unlink(missing_ok=True)
        else:
            _remove(output)


def _remove(output: Path) -> None:
    check_own(output)
    stamp_file(output).unlink(missing_ok=True)
    if output.is_dir():
        _discard(output, output.with_name(f".{output.name}.old"))
    else:
        output.unlink(missing_ok=True)


def is_made(output: Path, made_from: str) -> bool:
    """Whether ``output`` exists, is complete, and was made from what has this hash."""
    stamp = read_stamp(output)
    return output.exists() and is_complete(stamp) and stamp["made_from"] == made_from


def is_complete(stamp: Mapping[str, Any]) -> bool:
    """Whether this is the stamp of a finished result; until then it says only what the result is made from."""
    return "seconds" in stamp


def read_stamp(output: Path) -> dict[str, Any]:
    """``made_from`` (a hash) and ``seconds`` of what ``working`` has made or (without them) begun; else empty."""
    try:
        content = json.loads(stamp_file(output).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and "made_from" in content else {}


def stamp_file(output: Path, *, file: bool = False) -> Path:
    """Where the stamp of a folder or of a file lies; ``file``: it is to be a file, though there is none yet."""
    return output / STAMP if output.is_dir() and not file else output.with_name(f".{output.name}{STAMP}")


def _publish_file(work: Path, output: Path, stamp: dict[str, Any]) -> None:
    """Move ``output`` out of ``work``, and what goes beside it. A stamp without ``seconds`` claims it meanwhile."""
    beside = sorted({path.name for path in work.iterdir() if not path.name.endswith(STAMP)} - {output.name})
    if not (work / output.name).is_file():
        raise FileNotFoundError(f"{work / output.name} was not written")
    own = stamp_file(output, file=True)
    write_json(work / own.name, {"made_from": stamp["made_from"]})
    for name in (own.name, *beside, output.name):
        os.replace(work / name, output.with_name(name))
    write_json(work / own.name, stamp)
    os.replace(work / own.name, own)


def keep_apart(output: Path, inputs: Iterable[Path], *, file: bool = False) -> None:
    """Raise ``UserError`` if an output is, contains or (a folder) lies inside what is read to make it."""
    made = output.resolve()
    for each in inputs:
        read = each.resolve()
        if made == read or made in read.parents or (read in made.parents and not file):
            relation = "is" if made == read else "contains" if made in read.parents else "lies inside"
            raise UserError(f"{output} {relation} {each}, which is read to make it; give another output")


def _check_stage(output: Path, stage: object) -> None:
    """A stage replaces only what it has made itself, and no folder that an interrupted one goes on in."""
    stamp = read_stamp(output)
    by_other = stage is not None and stamp.get("stage", stage) != stage
    if by_other or (stamp and not is_complete(stamp) and output.is_dir()):
        maker = f"stage {stamp['stage']}" if by_other else "a step that was interrupted"
        raise UserError(f"{output} was made by {maker}, and would be replaced; move or delete it first")


def check_replaceable(path: Path, is_own: Callable[[Path], object], *, file: bool = False) -> None:
    """Refuse to replace a path that this step did not make: it is not empty, and ``is_own`` is false for it."""
    if not path.exists():
        return
    if path.is_dir() == file:
        raise UserError(f"{path} is {'a folder, not a file' if file else 'not a folder'}; give another output")
    # Of a folder that a kill met while its stamp was written, there is the temporary file.
    empty = all(each.suffix == ".tmp" for each in path.iterdir()) if path.is_dir() else not path.stat().st_size
    if not empty and not is_own(path):
        raise UserError(f"{path} was not made by this step, which would replace it; move or delete it first")


def making(output: Path) -> AbstractContextManager[None]:
    """Keep other processes from making ``output``: for a command that writes there itself, too, as long as it runs."""
    return locked(output, WAIT)


@contextmanager
def locked(output: Path, patience: float | None = None) -> Iterator[None]:
    """Keep other processes out. Forked workers hold the lock too: it is free when the last one is dead.

    Raises ``UserError`` if another process has it for longer than ``patience``, in seconds; without, it waits.
    """
    named = output if output.name.strip(".") else output.resolve()
    path = named.parent / f".{named.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    while True:
        handle = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle.fileno(), path):
                break
            handle.close()  # the file of a process that has just ended
        except BlockingIOError as error:
            handle.seek(0)
            holder = handle.read().strip() or "another process"
            handle.close()
            if patience is not None and time.monotonic() - started > patience:
                raise UserError(f"{output} is being made by {holder}; wait until it ends") from error
            time.sleep(0.05)
    try:
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        handle.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        handle.close()


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _discard(path: Path, old: Path) -> None:
    """Remove a folder in one step; what is left of it under another name is nobody's."""
    shutil.rmtree(old, ignore_errors=True)
    os.replace(path, old)
    shutil.rmtree(old)
