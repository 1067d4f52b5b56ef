"""The driver in a folder of its own, so that a test's data and results do not touch the repository's."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def make_clone(root: Path, clone: Path) -> Path:
    """Copy the scripts, configurations and recipes; the package is linked in."""
    for name in ("local", "utils", "tools", "conf"):
        shutil.copytree(root / name, clone / name)
    for name in ("run.sh", "path.sh", "cmd.sh", "db.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy2(root / name, clone / name)
    shutil.copytree(root / "egs2", clone / "egs2", ignore=shutil.ignore_patterns("corpus"))
    (clone / "espnet_atat").symlink_to(root / "espnet_atat")
    return clone


def environment_of(**variables: str) -> dict[str, str]:
    """This process's environment for a script, with the Python of this test on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "ATAT_VENV": "none", "PATH": path, **variables}


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    options = {"cwd": folder, "env": environment_of(**variables), "stdin": subprocess.DEVNULL}
    return subprocess.run(command, **options, capture_output=True, text=True)


def run_script(script: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python code, which finds the package, in a process of its own to its end; it may not fail."""
    command, environment = [sys.executable, "-c", script, *map(str, arguments)], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done


def program(path: Path, text: str) -> Path:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def cpu_seconds(*command: str, limit: float, **options: Any) -> tuple[subprocess.CompletedProcess[str], float]:
    """What a command printed, and its processor time; of three calls the least if that is above the limit."""
    seconds: list[float] = []
    while not seconds or (min(seconds) >= limit and len(seconds) < 3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, **options)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return done, min(seconds)


def processes_in(folder: Path) -> list[str]:
    """The commands of all other processes whose working directory this is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            others = int(process.name) != os.getpid() and not has_ended(process)
            if others and (process / "cwd").resolve(strict=True) == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # ended meanwhile
            continue
    return found


def kill_and_see_its_command_end(caller: subprocess.Popen[bytes], running: Path) -> None:
    """The command that ``caller`` started names itself in the file ``running``."""
    wait_until(running.is_file)
    caller.kill()
    caller.wait()
    command = Path("/proc") / running.read_text().strip()
    wait_until(lambda: has_ended(command))


def has_ended(process: Path) -> bool:
    """Whether a folder of ``/proc`` is gone, or is a zombie's."""
    try:
        return "zombie" in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Fail when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
