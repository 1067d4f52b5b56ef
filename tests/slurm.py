"""A Slurm cluster of two nodes on this machine, from Debian's own daemons, in a folder of its own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.shell import wait_until

DAEMONS = ("munged", "slurmctld", "slurmd")
NODES = ("n1", "n2")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
{nodes}
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def is_installed() -> bool:
    """Whether the daemons are there, and this is root, whom they run as."""
    return os.geteuid() == 0 and all(shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in DAEMONS)


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start the daemons; gives the variables that Slurm's commands need, and ends all in the end."""
    folder.mkdir()
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    control_port, *ports = (_free_port() for _ in ("control", *NODES))
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} CPUs=2 State=UNKNOWN"
        for name, port in zip(NODES, ports, strict=True)
    )
    config = folder / "slurm.conf"
    config.write_text(CONFIG.format(host=socket.gethostname(), control_port=control_port, folder=folder, nodes=nodes))
    variables = {"SLURM_CONF": str(config), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    munge = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.sock"]
    munge += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    with ExitStack() as stack:
        _begin(stack, munge, variables, folder)
        wait_until((folder / "munge.sock").exists)
        _begin(stack, ["slurmctld", "-D", "-f", str(config)], variables, folder)
        for name in NODES:
            _begin(stack, ["slurmd", "-D", "-f", str(config), "-N", name], variables, folder)
        wait_until(lambda: _ask("sinfo", "-h", "-o", "%T", variables=variables).split() == ["idle"], 60)
        yield variables
        for job in jobs(variables):
            _ask("scancel", job, variables=variables)


def jobs(variables: dict[str, str]) -> list[str]:
    """The numbers of the jobs that the cluster has."""
    return _ask("squeue", "-h", "-o", "%i", variables=variables).split()


def _begin(stack: ExitStack, command: list[str], variables: dict[str, str], folder: Path) -> None:
    log = (folder / f"{command[0]}-{len(list(folder.glob('*.out')))}.out").open("w")
    process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log)
    stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ask(*command: str, variables: dict[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
