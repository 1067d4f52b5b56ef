"""Start work of this package in other processes, here or on other machines: what takes long, and ends with its caller.

Jobs are started by the command of ``cmd.sh``: ``run.pl`` here, ``slurm.pl`` elsewhere. Training on GPUs goes through
ESPnet's own launcher and the same command. That launcher knows no CPU processes, so those are started here.

Workers over data come from ``graph.pool``. A program that answers a question is called, and waited for, by the module
that asks: git (``graph.node``), bash for a variable of ``db.sh``, npm and the pipes of a ``wav.scp`` (``corpora``),
flite and an installed Gentle (``speech``).
"""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from espnet_atat.errors import UserError
from espnet_atat.graph.logs import LogFollower
from espnet_atat.graph.pool import die_with_parent
from espnet_atat.graph.work import is_complete, read_stamp

#: Between two looks at processes at work, in seconds.
POLL = 0.2
#: The command of ``cmd.sh`` that runs jobs on this machine.
HERE = "run.pl"
#: Set in the environment of a script: the commands of this package that it starts end with it (``bin.main_guard``).
ENDS_WITH_PARENT = "ATAT_ENDS_WITH_PARENT"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where training runs.

    Attributes:
        ngpu: GPUs of each machine; 0 trains on the CPU.
        num_nodes: machines of one training.
        command: of ``cmd.sh``, such as ``slurm.pl --time 24:00:00``.
        cpu_processes: of one training on the CPU; None: as its configuration says.
        jobs: systems (with one seed and fold each) made at once.
    """

    ngpu: int = 0
    num_nodes: int = 1
    command: str = HERE
    cpu_processes: int | None = None
    jobs: int = 1

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:  # a quotation mark that is not closed
            raise UserError(f"--train_cmd {self.command!r}: {error}") from error
        if not words or not words[0]:
            raise UserError("--train_cmd is empty: give run.pl, or slurm.pl with its options")

    @property
    def is_here(self) -> bool:
        """Whether the command starts jobs on this machine: ``run.pl``, by any path and with any options."""
        return Path(shlex.split(self.command)[0]).name == HERE

    @property
    def is_this_process(self) -> bool:
        return self.ngpu <= 1 and self.num_nodes == 1 and self.command == HERE


@dataclass(frozen=True)
class Job:
    """A call of the driver, ``python -m <module> <arguments>``, for one system with one seed and fold.

    Attributes:
        makes: run folders that it makes; two jobs that share one do not run at once.
        trains: those of them that take long: models.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    makes: frozenset[Path]
    trains: frozenset[Path]
    log: Path

    @property
    def still_makes(self) -> set[Path]:
        """Folders of ``makes`` that nobody has finished since."""
        return {folder for folder in self.makes if not is_complete(read_stamp(folder))}


def run_jobs(jobs: Sequence[Job], machines: Machines) -> None:
    """Run jobs, at most ``machines.jobs`` at once, as far as what they share allows."""
    waiting = most_awaited_first(jobs)
    running: dict[int, tuple[Job, subprocess.Popen[bytes], float]] = {}  # by slot
    failed: dict[Job, str] = {}
    with ExitStack() as stack:
        while waiting or running:
            for job in startable(waiting, [job for job, *_ in running.values()], list(failed), machines.jobs):
                waiting.remove(job)
                print(f"job {job.name}: started; its output goes to {job.log}", flush=True)
                slot = next(slot for slot in range(machines.jobs) if slot not in running)
                running[slot] = (job, _start_job(job, machines, slot), time.monotonic())
                stack.callback(_end, running[slot][1])
            if not running:
                break  # what still waits needs what a failed job makes
            time.sleep(POLL)
            for slot, (job, process, started) in list(running.items()):
                if (code := process.poll()) is not None:
                    del running[slot]
                    outcome = f"failed with code {code}" if code else "done"
                    print(f"job {job.name}: {outcome}, {time.monotonic() - started:.0f} s")
                    if code:
                        failed[job] = f"{job.log}: job {job.name} failed; see the end of it"
    if failed:
        left = f"; not started, as they share runs with it: {', '.join(job.name for job in waiting)}" if waiting else ""
        raise UserError(next(iter(failed.values())) + left)


def most_awaited_first(jobs: Sequence[Job]) -> list[Job]:
    """Jobs in a good order: first those that train a model for many others, which wait for it; else as given."""
    wanted = Counter(place for job in jobs for place in job.trains)
    seen: set[Path] = set()
    awaited = {}
    for job in jobs:
        awaited[job] = max((wanted[place] for place in job.trains - seen), default=1)
        seen |= job.trains
    return sorted(jobs, key=lambda job: -awaited[job])  # stable


def startable(waiting: Sequence[Job], running: Sequence[Job], failed: Sequence[Job], count: int) -> list[Job]:
    """The next jobs that share no unfinished run with one at work or with one that failed."""
    chosen: list[Job] = []
    for job in waiting:
        if len(running) + len(chosen) >= count:
            break
        if all(job.still_makes.isdisjoint(other.still_makes) for other in (*running, *chosen, *failed)):
            chosen.append(job)
    return chosen


def _start_job(job: Job, machines: Machines, slot: int) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    resources = ["--gpu", str(machines.ngpu)] if machines.ngpu else []
    command = [*shlex.split(machines.command), *resources, str(job.log), sys.executable, "-m", job.module]
    # Where a job runs it trains: it asks for no further machine.
    variables = {**own_share(machines, slot), "train_cmd": HERE}
    return _start([*command, *job.arguments], variables=variables, ends_itself=True)


def own_share(machines: Machines, slot: int) -> dict[str, str]:
    """Variables that give the job in a slot its share of this machine: cores, and GPUs of its own.

    Without them each job would take all cores and wait most of the time for the threads of the others. Jobs on other
    machines are left to their scheduler, and so is what the user has set.
    """
    if not machines.is_here:
        return {}
    share = {}
    if "OMP_NUM_THREADS" not in os.environ:
        share["OMP_NUM_THREADS"] = str(max(1, usable_cores() // machines.jobs))
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named else [str(number) for number in range(_count_gpus())] if machines.ngpu else []
    if machines.ngpu and devices:
        chosen = [devices[(slot * machines.ngpu + number) % len(devices)] for number in range(machines.ngpu)]
        share["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)
    return share


def _count_gpus() -> int:
    """GPUs that the driver lists; 0 where there is none."""
    try:
        listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launch_training(module: str, options: Sequence[str], log: Path, machines: Machines) -> None:
    """Train on several GPUs or machines, through ESPnet's launcher, which adds the options of distributed training."""
    launch = [
        *(sys.executable, "-m", "espnet2.bin.launch", "--cmd", machines.command, "--log", str(log)),
        *("--ngpu", str(machines.ngpu), "--num_nodes", str(machines.num_nodes)),
        *("--init_file_prefix", str(log.parent / ".dist_init_"), "--multiprocessing_distributed", "true"),
        *("--", sys.executable, "-m", module, *options),
    ]
    print(f"  launched by {machines.command}; the log grows in {log}", flush=True)
    if _wait(_start(launch)):
        raise UserError(f"{log}: training failed; see the end of it")


def train_in_processes(module: str, options: Sequence[str], log: Path, count: int) -> None:
    """Train in ``count`` CPU processes of one thread each, joined by gloo; print a line per epoch.

    On small models two processes gain more than two threads. Rank 0 appends to ``log``, rank r to ``<stem>.<r>.log``.
    """
    join = ["--ngpu", "0", "--dist_backend", "gloo", "--dist_world_size", str(count)]
    join += ["--dist_master_addr", "127.0.0.1", "--dist_master_port", str(free_port())]
    follower = LogFollower(log)
    ranks: dict[Path, subprocess.Popen[bytes]] = {}
    with ExitStack() as stack:
        for rank in range(count):
            path = log if rank == 0 else log.with_name(f"{log.stem}.{rank}{log.suffix}")
            ranks[path] = _start(
                [sys.executable, "-m", module, *options, *join, "--dist_rank", str(rank), "--local_rank", str(rank)],
                path,
                {"OMP_NUM_THREADS": "1"},
            )
            stack.callback(_end, ranks[path])
        codes: list[int | None] = [None]
        while None in codes:
            time.sleep(POLL)
            codes = [process.poll() for process in ranks.values()]
            for path, code in zip(ranks, codes, strict=True):
                if code:  # the others would wait for it for ever
                    raise UserError(f"{path}: training ended with code {code}; see the end of it")
            follower.print_news()


def call(command: Sequence[str]) -> int:
    """Run a script to its end; returns its exit code. The commands of this package that it starts end with it."""
    return _wait(_start(command, variables={ENDS_WITH_PARENT: str(os.getpid())}))


def _start(
    command: Sequence[str],
    log: Path | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    ends_itself: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one; its command and output are appended to ``log``, if that is given.

    ``ends_itself``: it looks after that itself, as ``run.pl`` does, which has to end its own command first.
    """
    root = str(Path(__file__).resolve().parents[2])  # it imports the same package, wherever this process found it
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with nullcontext() if log is None else log.open("a", encoding="utf-8") as output:
        if output is not None:
            output.write(f"{shlex.join(command)}\n")
            output.flush()
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output and subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, **(variables or {})},
            preexec_fn=None if ends_itself else die_with_parent,
        )  # fmt: skip


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it if it is still at work, and wait for that."""
    if process.poll() is None:
        process.terminate()
    process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
