"""Data-parallel training in several CPU processes: on small models two processes gain more than two threads."""

import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.errors import UserError
from espnet_atat.recipe.logs import LogFollower

#: Between two looks at the processes, in seconds.
POLL = 0.2
#: Linux's prctl option: the signal that a process gets when its parent has died.
PR_SET_PDEATHSIG = 1


def train_in_processes(options: Sequence[str], log: Path, count: int) -> None:
    """Run ESPnet's trainer in ``count`` processes of one thread each, joined by gloo; print a line an epoch.

    Args:
        options: of the task, without those of distributed training.
        log: rank 0 appends its log here, rank r to ``<stem>.<r>.log`` beside it.
        count: processes; every batch is split over them.

    Raises:
        UserError: one failed; the others have been ended, and the log that says why is named.
    """
    environment = child_environment(OMP_NUM_THREADS="1")
    processes: list[tuple[subprocess.Popen[bytes], Path]] = []
    join = ["--dist_backend", "gloo", "--dist_world_size", str(count)]
    join += ["--dist_master_addr", "127.0.0.1", "--dist_master_port", str(free_port())]
    follower = LogFollower(log)
    try:
        for rank in range(count):
            command = [sys.executable, "-m", "espnet_atat.bin.atat_train", *options, "--ngpu", "0", *join]
            command += ["--dist_rank", str(rank), "--local_rank", str(rank)]
            path = log if rank == 0 else log.with_name(f"{log.stem}.{rank}{log.suffix}")
            with path.open("a", encoding="utf-8") as handle:
                handle.write(f"{shlex.join(command)}\n")
                handle.flush()
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.STDOUT, env=environment,
                    preexec_fn=die_with_parent,
                )  # fmt: skip
            processes.append((process, path))
        wait_for_all(processes, follower)
    finally:
        for process, _ in processes:
            if process.poll() is None:
                process.terminate()
        for process, _ in processes:
            process.wait()


def child_environment(**variables: str) -> dict[str, str]:
    """This process's environment for a child that imports the same package, wherever this one found it."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **variables}


def wait_for_all(processes: Sequence[tuple[subprocess.Popen[bytes], Path]], follower: LogFollower) -> None:
    """Return when all have ended well; print what ``follower`` finds in the meantime.

    Raises:
        UserError: as soon as one has not: the others would wait for it for ever.
    """
    running = True
    while running:
        running = False
        for process, path in processes:
            code = process.poll()
            if code:
                raise UserError(f"{path}: training ended with code {code}; see the end of it")
            running = running or code is None
        follower.print_news()
        time.sleep(POLL if running else 0)


def die_with_parent() -> None:
    """In a child, on Linux: end when the parent is killed, so that a restart does not meet it at work in its folder."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
