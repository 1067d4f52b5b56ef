"""Real Slurm: jobs of a table, training over two nodes, and a driver that is killed. See tests/slurm.py."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.shell import wait_until
from tests.slurm import cluster, is_installed, jobs
from tests.steps.world import make_world

WANTED = pytest.mark.skipif(not is_installed(), reason="needs Slurm, as root: tools/install_slurm.sh")
pytestmark = [pytest.mark.slow, WANTED]
DRIVER = [sys.executable, "-m", "espnet_atat.bin.run", "--recipe", "toy", "--stage", "7", "--train_cmd", "slurm.pl"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[dict[str, str]]:
    with cluster(tmp_path_factory.mktemp("slurm") / "cluster") as variables:
        yield variables


@pytest.fixture
def environment(slurm, tmp_path) -> dict[str, str]:
    """Of a driver in a tiny recipe's folder."""
    make_world(tmp_path)
    path = f"{ROOT / 'utils'}:{slurm['PATH']}"
    return {**os.environ, **slurm, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def drive(folder: Path, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [*DRIVER, *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def test_the_rows_of_a_table_are_jobs_of_the_cluster(environment, slurm, tmp_path):
    done = drive(tmp_path, environment, "--stop_stage", "14", "--jobs", "2", "--cpu_processes", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "job old/seed1: done" in done.stdout
    assert "job zeroshot/seed1: done" in done.stdout
    rows = json.loads((tmp_path / "exp/toy/tables/default.json").read_text())["rows"]
    assert [row["system"] for row in rows] == ["old", "zeroshot"]
    assert (tmp_path / "exp/toy/old/seed1/job.log.sbatch").is_file()
    assert jobs(slurm) == []


def test_two_nodes_train_one_model(environment, slurm, tmp_path):
    done = drive(tmp_path, environment, "--system", "old", "--stop_stage", "10", "--num_nodes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = tmp_path.glob("exp/runs/pretrain-*/train.log")
    text = log.read_text()
    assert re.search(r"^\[\S+:0/2\].*2epoch results", text, re.M), text[-2000:]
    assert (log.parent / "valid.acc.ave.pth").is_file()
    assert jobs(slurm) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_is_killed_leaves_no_job(environment, slurm, tmp_path, how):
    options = ["--system", "old", "--stop_stage", "10"]
    with subprocess.Popen([*DRIVER, *options], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as driver:
        wait_until(lambda: jobs(slurm) != [] or driver.poll() is not None, 120)
        assert driver.poll() is None
        driver.send_signal(how)
        driver.wait(30)
    wait_until(lambda: jobs(slurm) == [], 60)
    assert not list(tmp_path.glob("exp/runs/pretrain-*/valid.acc.ave.pth"))
