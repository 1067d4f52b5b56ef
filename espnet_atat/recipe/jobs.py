"""Several systems at once: a process each, started by the command of ``cmd.sh``, or forked where that is ``run.pl``.

On a machine of few cores two trainings of one process each get through more than one training of two: nobody waits.
"""

import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from espnet_atat.errors import UserError
from espnet_atat.recipe.forking import Fork
from espnet_atat.recipe.processes import child_environment

#: Between two looks at the jobs, in seconds.
POLL = 0.5
#: What a job runs.
COMMAND = "espnet_atat.bin.run_systems"
#: The command of ``cmd.sh`` that asks for nothing but this machine.
HERE = "run.pl"


class Process(Protocol):
    """A job at work: what is used of ``subprocess.Popen``."""

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def terminate(self) -> None: ...


@dataclass(frozen=True)
class Job:
    """One system with one seed and fold.

    Attributes:
        name: for people.
        arguments: of :data:`COMMAND`.
        makes: folders of the runs that are still to be made; two jobs that share one do not run at once.
        log: the job's output.
        trains: those of ``makes`` that take long: models.
        ngpu: that it trains on.
    """

    name: str
    arguments: tuple[str, ...]
    makes: frozenset[Path]
    log: Path
    ngpu: int = 0
    trains: frozenset[Path] = frozenset()

    @property
    def still_makes(self) -> set[Path]:
        """Folders of ``makes`` that nobody has finished since."""
        return {folder for folder in self.makes if not (folder / "done").is_file()}


def run_jobs(jobs: Iterable[Job], count: int, command: str) -> None:
    """Run jobs, at most ``count`` at once, as far as what they share allows.

    Args:
        command: of ``cmd.sh``, such as ``slurm.pl --time 24:00:00``: gets a log and what to run. What ``run.pl`` alone
            would run on CPUs is forked in its place, and need not import ESPnet.

    Raises:
        UserError: jobs failed; those that share nothing with them were run all the same.
    """
    waiting = most_awaited_first(list(jobs))
    running: dict[Process, tuple[Job, float, int]] = {}
    failed: dict[Job, str] = {}
    try:
        while waiting or running:
            for job in startable(waiting, [job for job, _, _ in running.values()], list(failed), count):
                waiting.remove(job)
                print(f"job {job.name}: started; its output goes to {job.log}", flush=True)
                slot = min(set(range(count)) - {slot for _, _, slot in running.values()})
                variables = {**shared_threads(command, count), **own_gpus(command, slot, job.ngpu)}
                try:
                    running[_start(job, command, variables)] = (job, time.monotonic(), slot)
                except (UserError, OSError) as error:
                    failed[job] = f"job {job.name} could not be started: {error}"
                    print(failed[job], flush=True)
            if not running and not startable(waiting, [], list(failed), count):
                break  # what still waits stands on a run that failed
            time.sleep(POLL)
            for process in [process for process in running if process.poll() is not None]:
                job, started, _ = running.pop(process)
                code = process.poll()
                ended = f"failed with code {code}" if code else "done"
                print(f"job {job.name}: {ended}, {_seconds(started)}", flush=True)
                if code:
                    failed[job] = f"{job.log}: job {job.name} failed; see the end of it"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
    if failed:
        left = f"; not started, as they share runs with it: {', '.join(job.name for job in waiting)}" if waiting else ""
        raise UserError(next(iter(failed.values())) + left)


def most_awaited_first(jobs: Sequence[Job]) -> list[Job]:
    """Jobs in a good order: first those that train a model for many others, which wait for it; else as they stand."""
    wanted = Counter(folder for job in jobs for folder in job.trains)
    seen: set[Path] = set()
    awaited = []
    for job in jobs:
        awaited.append(max((wanted[folder] for folder in job.trains - seen), default=1))
        seen |= job.trains
    order = sorted(range(len(jobs)), key=lambda number: -awaited[number])  # stable
    return [jobs[number] for number in order]


def startable(waiting: Sequence[Job], running: Sequence[Job], failed: Sequence[Job], count: int) -> list[Job]:
    """The next jobs that share no run with one at work or with one that failed."""
    chosen: list[Job] = []
    for job in waiting:
        if len(running) + len(chosen) >= count:
            break
        if all(job.still_makes.isdisjoint(other.still_makes) for other in (*running, *chosen, *failed)):
            chosen.append(job)
    return chosen


def shared_threads(command: str, count: int) -> dict[str, str]:
    """Variables that give each of ``count`` jobs on this machine its share of the cores.

    Each would take all of them otherwise, and wait most of the time for the threads of the others. A job on another
    machine (``slurm.pl``, ``queue.pl``, ``ssh.pl``) is left to its scheduler, and so is what the user has set.
    """
    if not _is_here(command) or "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, usable_cores() // count))}


def own_gpus(command: str, slot: int, ngpu: int) -> dict[str, str]:
    """Variables that give the job in a slot GPUs of its own on this machine, as far as there are enough.

    Of those that ``CUDA_VISIBLE_DEVICES`` names, else of all; jobs on other machines get theirs from the scheduler.
    """
    if not ngpu or not _is_here(command):
        return {}
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named else [str(number) for number in range(_count_gpus())]
    if not devices:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(devices[(slot * ngpu + i) % len(devices)] for i in range(ngpu))}


def _count_gpus() -> int:
    """GPUs that the driver lists; 0 where there is none."""
    try:
        listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())


def _is_here(command: str) -> bool:
    """Whether the command of ``cmd.sh`` runs jobs on this machine."""
    return Path(shlex.split(command)[0]).name == HERE


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(job: Job, command: str, variables: Mapping[str, str]) -> Process:
    if command == HERE and not job.ngpu:  # what an import asks a GPU of does not outlive a fork
        return Fork(COMMAND, job.arguments, job.log, variables)
    job.log.parent.mkdir(parents=True, exist_ok=True)
    resources = ["--gpu", str(job.ngpu)] if job.ngpu else []
    return subprocess.Popen(
        [*shlex.split(command), *resources, str(job.log), sys.executable, "-m", COMMAND, *job.arguments],
        stdin=subprocess.DEVNULL, env=child_environment(**variables),
    )  # fmt: skip


def _seconds(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"
