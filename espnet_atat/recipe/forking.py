"""Jobs on this machine as forks of one process that has imported ESPnet: each would spend ten seconds on it.

A job does, and its log holds, what they would if ``run.pl`` had started it, but that ``atexit`` calls nothing.
"""

import multiprocessing
import os
import runpy
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path

from espnet_atat.errors import UserError
from espnet_atat.recipe.processes import child_environment

#: What the forking process imports.
PRELOADED = ("espnet_atat.recipe.preloaded",)


class Fork:
    """A module at work as ``python -m`` would run it, in a process group of its own, with its output in a log.

    It and what it started are killed when this process dies: a second call shall not meet it at work in its folder.
    ``poll``, ``wait`` and ``terminate`` are those of ``subprocess.Popen``.

    Args:
        module: its name.
        arguments: of the command line.
        log: made anew, with the command and the process at its head and the exit code at its end.
        variables: of the environment, besides this process's own; those that libraries read when they are imported
            (``OMP_NUM_THREADS``) hold as they were for the first job.

    Raises:
        UserError: it could not be started.
    """

    def __init__(self, module: str, arguments: Sequence[str], log: Path, variables: Mapping[str, str]):
        self._log = log
        self._started = time.monotonic()
        self._code: int | None = None
        log.parent.mkdir(parents=True, exist_ok=True)
        command = shlex.join((sys.executable, "-m", module, *arguments))
        log.write_text(f"# {command}\n# Started at {time.ctime()}\n", encoding="utf-8")
        environment = child_environment(**variables)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        self._process = context.Process(target=_run, args=(module, arguments, log, environment), name=str(log))
        try:
            with _passed_on(environment, log):
                self._process.start()
        except (EOFError, OSError) as error:
            raise UserError(f"{log}: the job could not be started ({error}); the log may say why") from error

    def poll(self) -> int | None:
        """The exit code, as a shell gives it; None while at work."""
        code = self._process.exitcode
        if code is not None and self._code is None:
            self._code = code if code >= 0 else 128 - code
            # What it has left; and itself, if it was the forking process that died: nobody hears of its end then.
            self._signal(signal.SIGKILL)
            with self._log.open("a", encoding="utf-8") as handle:
                handle.write(last_line(self._code, time.monotonic() - self._started))
        return self._code

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        self._process.join()
        return self.poll() or 0

    def terminate(self) -> None:
        """Ask it and what it started to end."""
        if self.poll() is None and not self._signal(signal.SIGTERM):
            self._process.terminate()  # it has no group of its own yet

    def _signal(self, number: int) -> bool:
        """Send a signal to its process group, if there is one."""
        assert self._process.pid is not None
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            os.killpg(self._process.pid, number)
            return True
        return False


def last_line(code: int, seconds: float) -> str:
    """The end of a log."""
    return f"# Ended (code {code}) at {time.ctime()}, elapsed time {seconds:.0f} seconds\n"


def _run(module: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
    """In the fork: be the command."""
    os.setpgid(0, 0)
    multiprocessing.set_start_method(None, force=True)  # the fork's own way would hold for its processes too
    os.environ.clear()
    os.environ.update(environment)
    output = log.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    sys.stdout = sys.stderr = output
    threading.Thread(target=_end_with_parent, args=(time.monotonic(),), daemon=True).start()
    print(f"# Process {os.getpid()}")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent(started: float) -> None:
    """End when the caller has: not ``die_with_parent``, as the forking process outlives it while a fork is at work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.write(1, last_line(128 + signal.SIGKILL, time.monotonic() - started).encode())
        os.killpg(0, signal.SIGKILL)


@contextmanager
def _passed_on(variables: Mapping[str, str], log: Path) -> Iterator[None]:
    """An environment and a place for messages, for a moment: the forking process, once started, keeps them."""
    before, terminal = dict(os.environ), os.dup(2)
    os.environ.update(variables)
    try:
        with log.open("a", encoding="utf-8") as handle:
            os.dup2(handle.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.environ.clear()
        os.environ.update(before)
