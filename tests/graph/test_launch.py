"""Jobs: what may run beside what, what is left when one fails, and that nothing outlives the call that started it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph import launch
from espnet_atat.graph.launch import Job, Machines, call, most_awaited_first, own_share, run_jobs, startable
from tests.shell import kill_and_see_its_command_end, program

RUN_PL = str(Path(__file__).resolve().parents[2] / "utils/run.pl")
SLURM = "slurm.pl --time 1:00"
#: The module of the jobs: it says what it is given, then ends with the code that it is given.
TELLS = 'import os, sys\nprint(*sys.argv[1:], os.environ["train_cmd"])\nsys.exit(int(sys.argv[1]))\n'


def job(name: str, *makes: str, trains: tuple[str, ...] = (), code: int = 0) -> Job:
    folders = frozenset(map(Path, (*makes, *trains)))
    trained = frozenset(map(Path, trains))
    return Job(name, "tells", (str(code), "b  c"), folders, trained, Path("logs") / f"{name}.log")


def names(jobs: list[Job]) -> list[str]:
    return [each.name for each in jobs]


def test_jobs_that_share_a_run_wait_for_each_other_until_it_is_done(tmp_path):
    first, second, third, fourth = job("a", "pretrain"), job("b", "pretrain", "tuned"), job("c", "other"), job("d")
    assert names(startable([first, second, third, fourth], [], [], 2)) == ["a", "c"]
    assert names(startable([second, fourth], [first, third], [], 2)) == []
    assert names(startable([second, fourth], [third], [], 2)) == ["b"]
    assert names(startable([second, fourth], [], [first], 2)) == ["d"]  # what a could not make, b cannot have
    # A shared run that is done holds nobody up.
    shared = tmp_path / "pretrain"
    first, second = job("a", str(shared), "a"), job("b", str(shared), "b")
    shared.mkdir()
    stamp = shared / ".made.json"
    stamp.write_text('{"made_from": "begun"}')  # a is at work in it
    assert names(startable([second], [first], [], 2)) == []
    stamp.write_text('{"made_from": "whole", "seconds": 1.0}')
    assert names(startable([second], [first], [], 2)) == ["b"]
    assert names(startable([second], [], [first], 2)) == ["b"]  # a failed after that


def test_what_many_wait_for_is_made_first():
    single, another = job("single", "tokens", trains=("a",)), job("another", "tokens", trains=("b",))
    pair = [job("pair 1", "tokens", trains=("two",)), job("pair 2", "tokens", trains=("two", "tuned"))]
    three = [job(f"three {number}", trains=("three", f"tuned {number}")) for number in (1, 2, 3)]
    ordered = most_awaited_first([single, *pair, another, *three])
    assert names(ordered) == ["three 1", "pair 1", "single", "pair 2", "another", "three 2", "three 3"]
    assert names(most_awaited_first([three[0], single, pair[1]])) == ["three 1", "single", "pair 2"]


def test_jobs_share_the_cores_unless_the_user_has_said_how_and_have_gpus_of_their_own(monkeypatch, tmp_path):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(launch, "usable_cores", lambda: 6)
    assert own_share(Machines(jobs=2), 0) == {"OMP_NUM_THREADS": "3"}
    assert own_share(Machines(jobs=8, command=f"{RUN_PL} --mem 4G"), 0) == {"OMP_NUM_THREADS": "1"}
    assert own_share(Machines(jobs=2, command=SLURM), 0) == {}
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert own_share(Machines(jobs=2), 0) == {}
    # GPUs of their own as far as there are.
    program(tmp_path / "nvidia-smi", 'for n in 0 1 2; do echo "GPU $n: some (UUID: x)"; done')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machines = Machines(ngpu=1, jobs=4)
    assert [own_share(machines, slot)["CUDA_VISIBLE_DEVICES"] for slot in range(4)] == ["0", "1", "2", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert own_share(machines, 1) == {"CUDA_VISIBLE_DEVICES": "6"}
    assert own_share(Machines(jobs=4), 1) == {}
    assert own_share(Machines(ngpu=1, command=SLURM), 1) == {}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, where jobs find their module."""
    (tmp_path / "tells.py").write_text(TELLS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("place")
def test_one_that_fails_is_named_and_the_others_are_run(capfd, monkeypatch):
    monkeypatch.setenv("train_cmd", "slurm.pl")
    jobs = [job("bad", "shared", code=2), job("waits", "shared"), job("good", "own")]
    failed = r"^logs/bad\.log: job bad failed; see the end of it; not started, .* with it: waits$"
    with pytest.raises(UserError, match=failed):
        run_jobs(jobs, Machines(command=RUN_PL))
    lines = capfd.readouterr().out
    assert "job bad: failed with code 2, " in lines
    assert "job good: done, " in lines
    assert "job waits" not in lines
    assert "# Ended (code 2)" in Path("logs/bad.log").read_text()
    head, *_, said, end = Path("logs/good.log").read_text().splitlines()
    assert head == f"# {sys.executable} -m tells 0 b  c"
    assert said == "0 b  c run.pl"  # what it starts is to run where it runs
    assert end.startswith("# Ended (code 0)")


#: A job, or a command, that starts another, which names itself in the file ``running`` and waits.
WAITS = "import subprocess\nsubprocess.run(['sh', '-c', 'echo $$ >pid; mv pid running; exec sleep 100'])\n"
BY_RUN_PL = """
from pathlib import Path
from espnet_atat.graph.launch import Job, Machines, run_jobs
run_jobs([Job("a", "waits", (), frozenset(), frozenset(), Path("a.log"))], Machines(command="{run_pl}"))
"""
BY_CALL = "from espnet_atat.graph.launch import call\ncall(['sh', '-c', 'echo $$ >pid; mv pid running; sleep 100; :'])"


@pytest.mark.parametrize("how", [BY_RUN_PL.format(run_pl=RUN_PL), BY_CALL], ids=["job", "call"])
def test_what_is_started_ends_with_its_caller(how, place, root):
    (place / "waits.py").write_text(WAITS)
    environment = {**os.environ, "PYTHONPATH": f"{root}:{place}"}
    kill_and_see_its_command_end(subprocess.Popen([sys.executable, "-c", how], env=environment), place / "running")
    assert (call(["true"]), call(["sh", "-c", "exit 3"])) == (0, 3)
