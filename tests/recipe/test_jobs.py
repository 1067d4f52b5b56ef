"""Systems at once: what may run beside what, and what is left when one fails. The trainings are in test_stages."""

import os
import shlex
from pathlib import Path

import pytest
from espnet_atat.recipe import forking, jobs
from espnet_atat.recipe.jobs import Job, most_awaited_first, run_jobs, startable

from espnet_atat.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
RUN_PL = str(ROOT / "utils/run.pl")


def job(name: str, *makes: str, system: str = "nowhere", trains: tuple[str, ...] = ()) -> Job:
    arguments = ("--recipe", "toy", "--system", system, "--dry_run", "--stop_stage", "13")
    folders = frozenset(map(Path, (*makes, *trains)))
    return Job(name, arguments, folders, Path("logs") / f"{name}.log", trains=frozenset(map(Path, trains)))


def names(jobs: list[Job]) -> list[str]:
    return [each.name for each in jobs]


def test_jobs_that_share_a_run_wait_for_each_other() -> None:
    first, second, third, fourth = job("a", "pretrain"), job("b", "pretrain", "tuned"), job("c", "other"), job("d")
    assert names(startable([first, second, third, fourth], [], [], 2)) == ["a", "c"]
    assert names(startable([second, fourth], [first, third], [], 2)) == []
    assert names(startable([second, fourth], [third], [], 2)) == ["b"]
    assert names(startable([second, fourth], [], [first], 2)) == ["d"]  # what a could not make, b cannot have


def test_what_many_wait_for_is_made_first() -> None:
    alone, another = job("alone", "tokens", trains=("a",)), job("another", "tokens", trains=("b",))
    pair = [job("pair 1", "tokens", trains=("two",)), job("pair 2", "tokens", trains=("two", "tuned"))]
    three = [job(f"three {number}", trains=("three", f"tuned {number}")) for number in (1, 2, 3)]
    ordered = most_awaited_first([alone, *pair, another, *three])
    assert names(ordered) == ["three 1", "pair 1", "alone", "pair 2", "another", "three 2", "three 3"]
    assert names(most_awaited_first([three[0], alone, pair[1]])) == ["three 1", "alone", "pair 2"]


def test_a_shared_run_that_is_done_holds_nobody_up(tmp_path) -> None:
    shared = tmp_path / "pretrain"
    first, second = job("a", str(shared), "a"), job("b", str(shared), "b")
    assert names(startable([second], [first], [], 2)) == []
    shared.mkdir()
    (shared / "done").touch()
    assert names(startable([second], [first], [], 2)) == ["b"]
    assert names(startable([second], [], [first], 2)) == ["b"]  # a failed after that


def test_jobs_have_gpus_of_their_own_as_far_as_there_are(monkeypatch, tmp_path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\nfor n in 0 1 2; do echo "GPU $n: some (UUID: x)"; done\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices = [jobs.own_gpus(RUN_PL, slot, 1)["CUDA_VISIBLE_DEVICES"] for slot in range(4)]
    assert devices == ["0", "1", "2", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert jobs.own_gpus(RUN_PL, 1, 1) == {"CUDA_VISIBLE_DEVICES": "6"}
    assert jobs.own_gpus(RUN_PL, 1, 0) == {}
    assert jobs.own_gpus("slurm.pl --time 1:00", 1, 1) == {}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("command", [RUN_PL, "run.pl"])  # the second is forked
def test_one_that_fails_is_named_and_the_others_are_run(command, monkeypatch, capsys) -> None:
    monkeypatch.setattr(forking, "PRELOADED", ())
    started = [job("bad", "shared"), job("waits", "shared"), job("good", "own", system="old")]
    with pytest.raises(
        UserError, match=r"^logs/bad\.log: job bad failed; see the end of it; not started, .* with it: waits$"
    ):
        run_jobs(started, 1, command)
    lines = capsys.readouterr().out
    assert "job bad: failed with code 2, " in lines
    assert "job good: done, " in lines
    assert "job waits" not in lines
    assert "unknown row 'nowhere'" in Path("logs/bad.log").read_text()
    good = Path("logs/good.log").read_text().splitlines()
    assert "to be made" in "\n".join(good)
    assert good[0].endswith(f" -m {jobs.COMMAND} {shlex.join(started[2].arguments)}")
    assert good[-1].startswith("# Ended (code 0)")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("command", ["no_such.pl", "run.pl"])
def test_one_that_cannot_be_started_ends_no_other(command, monkeypatch, capsys) -> None:
    monkeypatch.setattr(forking, "PRELOADED", ())
    Path("logs/second.log").mkdir(parents=True)
    with pytest.raises(UserError, match=r"^job \w+ could not be started: .*(no_such\.pl|logs/second\.log)"):
        run_jobs([job("first", "a", system="old"), job("second", "b", system="old")], 2, command)
    lines = capsys.readouterr().out.splitlines()
    assert sum("could not be started" in line for line in lines) == (1 if command == "run.pl" else 2)
    assert any(line.startswith("job first: done, ") for line in lines) == (command == "run.pl")


def test_jobs_on_this_machine_share_its_cores_unless_the_user_has_said_how(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(jobs, "usable_cores", lambda: 6)
    assert jobs.shared_threads(RUN_PL, 2) == {"OMP_NUM_THREADS": "3"}
    assert jobs.shared_threads(f"{RUN_PL} --mem 4G", 8) == {"OMP_NUM_THREADS": "1"}
    assert jobs.shared_threads("slurm.pl --time 24:00:00", 2) == {}
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert jobs.shared_threads(RUN_PL, 2) == {}
