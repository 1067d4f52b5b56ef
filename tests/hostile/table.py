"""The table's rows, and how one is run: a good folder with some files spoilt, a command, the error that is expected.

    ("audio gone", "features --data_dir data/train --output_dir out", {"audio/s-1.wav": None}, "no such file")

A file's new content is a text, bytes, None (the file is taken away), a path (a link to it) or a function of the old
bytes. Of the expected error, parts with `` … `` between them must occur in this order in what is printed. ``leaves``
are patterns of what the command may leave behind.
"""

import io
import os
import resource
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path

import torch  # noqa: F401  before the address space is limited

from espnet_atat.bin import main_guard
from tests.hostile.world import make_good

Content = str | bytes | None | Path | Callable[[bytes], bytes]
#: The modules of rows. Those of the second tuple run commands that import ESPnet.
QUICK = ("data", "corpora", "tables", "config", "commands", "packages")
SLOW = ("models",)
MEMORY = 2 << 30  # bytes of address space more than before
SECONDS = 20
#: What a step that is broken off leaves, to go on from; it never has the output's name.
TO_GO_ON = ("*.partial", "*.partial/*")
PENDING = Path(__file__).with_name("pending.txt")


@dataclass(frozen=True)
class Row:
    id: str
    call: str
    files: Mapping[str, Content]
    wanted: str
    leaves: tuple[str, ...] = ()
    stdin: bytes = b""
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def rows_of(kind: str) -> list[Row]:
    """The rows of a module, whose ids are called after it."""
    found = []
    for name, *fields in import_module(f"tests.hostile.rows_{kind}").ROWS:
        more = fields.pop() if isinstance(fields[-1], dict) and len(fields) > 3 else {}
        found.append(Row(f"{kind}: {name}", *fields, **more))
    return found


ROWS = {kind: rows_of(kind) for kind in (*QUICK, *SLOW)}


@cache
def pending() -> frozenset[str]:
    """Ids of the rows that today's code fails, a line each; ``#`` begins the cause, in another branch's hands."""
    lines = PENDING.read_text(encoding="utf-8").splitlines() if PENDING.is_file() else []
    return frozenset(line for line in lines if line and not line.startswith("#"))


def command_of(words: list[str]) -> Callable[[list[str]], int]:
    """The command as its shell entry point guards it."""
    main = import_module(f"espnet_atat.bin.{words[0]}").main
    return main if words[0] == "atat" else lambda argv: main_guard(main, argv)


def run(row: Row) -> Outcome:
    """Run a row's command in this process; a hang or want of memory is an error of the test."""
    name, *argv = shlex.split(row.call)
    out, err = io.StringIO(), io.StringIO()
    before = {**os.environ}
    sys.stdin, stdin = io.TextIOWrapper(io.BytesIO(row.stdin)), sys.stdin
    os.environ.update(row.environment or {})
    try:
        with _limits(), redirect_stdout(out), redirect_stderr(err):
            try:
                code = command_of([name])(argv)
            except SystemExit as ended:  # argparse
                code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(before)
    return Outcome(code, out.getvalue(), err.getvalue())


@contextmanager
def _limits() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"at work for {SECONDS} s")

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def spoilt(files: Mapping[str, Content]) -> Iterator[None]:
    """The working directory with some files changed, and as it was again afterwards."""
    old = {name: Path(name).read_bytes() if Path(name).is_file() else None for name in files}
    moved = []
    try:
        for name, content in files.items():
            path = Path(name)
            if callable(content):
                content = content(old[name] or b"")
            if content is None and path.is_dir():
                path.rename(Path(f".away{len(moved)}"))
                moved.append(path)
            elif content is None:
                path.unlink()
            elif isinstance(content, Path):
                path.unlink(missing_ok=True)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(content)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        yield
    finally:
        for number, path in enumerate(moved):
            Path(f".away{number}").rename(path)
        for name, before in old.items():
            if Path(name).is_symlink():
                Path(name).unlink()
            if before is not None:
                Path(name).write_bytes(before)
            elif Path(name).is_file():
                Path(name).unlink()
                for parent in Path(name).parents[:-1]:
                    if not any(parent.iterdir()):
                        parent.rmdir()


def snapshot() -> dict[str, tuple[int, int]]:
    """Every file and folder below the working directory: size and time of the last change; a folder's are nothing."""
    found = {}
    stack = ["."]
    while stack:
        for entry in os.scandir(stack.pop()):
            is_folder = entry.is_dir(follow_symlinks=False)
            status = entry.stat(follow_symlinks=False)
            found[entry.path[2:]] = (0, 0) if is_folder else (status.st_size, status.st_mtime_ns)
            if is_folder:
                stack.append(entry.path)
    return found


def children() -> list[str]:
    """Processes that this one has started and that are still there."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            found += (task / "children").read_text().split()
    return found


def faults(row: Row) -> list[str]:
    """What a row shows to be wrong; empty where the command does as it should."""
    with spoilt(row.files):
        before, running = snapshot(), set(children())
        try:
            found = run(row)
        except BaseException as error:  # a traceback for the user
            text = f"{type(error).__name__}: {error}"
            found, wrong = Outcome(-1, "", ""), [f"a traceback: {text}"]
        else:
            wrong = [*_faults_of(found, row)]
        after = snapshot()
        if left := set(children()) - running:
            wrong.append(f"processes are left: {left}")
        for name in sorted(after, reverse=True):
            if before.get(name) != after[name]:
                if not any(fnmatch(name, pattern) for pattern in (*TO_GO_ON, *row.leaves)):
                    wrong.append(f"{'changed' if name in before else 'left behind'}: {name}")
                if name not in before:
                    shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
        wrong += [f"removed: {name}" for name in before.keys() - after.keys()]
    if any(each.startswith(("changed", "removed")) for each in wrong):  # the rows after it start from a good folder
        for path in Path().iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        make_good(Path.cwd())
    return wrong


def _faults_of(found: Outcome, row: Row) -> Iterator[str]:
    said = found.err.splitlines()
    if row.call.startswith("atat_train "):  # before it ESPnet prints the call
        said = said[-1:]
    if found.code == 0:
        yield f"exit code 0; it printed {found.out[-300:]!r}"
    elif len(said) != 1 or not said[0].startswith("error: "):
        yield f"not one line of error: {found.err[-600:]!r}"
    elif len(said[0]) > 1200:
        yield f"an error of {len(said[0])} characters"
    if "Traceback" in found.err + found.out:
        yield "a traceback is printed"
    printed, at = f"{found.out}\n{found.err}", 0
    for part in row.wanted.split(" … "):
        at = printed.find(part, at)
        if at < 0:
            yield f"{part!r} is not said: {(found.err or found.out)[-500:]!r}"
            return
