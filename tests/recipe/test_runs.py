"""Run folders and the clock."""

import re
import subprocess

import pytest
import yaml
from espnet_atat.recipe.clock import stage_times, timed, times_file
from espnet_atat.recipe.runs import Run, commit, lineage

from espnet_atat.errors import UserError


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Run("pretrain-seed1", {"kind": "training", "seed": 1, "config": {"b": 2, "a": 1}})


def test_the_name_is_a_hash_of_the_identity(run):
    assert run.key == Run("another name", {"seed": 1, "config": {"a": 1, "b": 2}, "kind": "training"}).key
    assert run.key != Run("pretrain-seed1", {**run.identity, "seed": 2}).key
    assert run.folder.name == f"pretrain-seed1-{run.key}"


def test_a_run_is_done_when_it_says_so_and_not_before(run):
    with run.open() as folder:
        (folder / "model").write_text("half")
    assert not run.is_done
    with run.open() as folder:
        assert (folder / "model").read_text() == "half"  # taken up, not thrown away
        run.finish(12.34, model="model")
    assert run.is_done
    assert run.facts == {"seconds": 12.3, "model": "model"}
    assert yaml.safe_load((run.folder / "run.yaml").read_text())["config"] == {"a": 1, "b": 2}


def test_only_one_process_works_on_a_run(run, monkeypatch):
    monkeypatch.setattr("espnet_atat.recipe.runs.PATIENCE", 0.2)
    with run.open(), pytest.raises(UserError, match="another process is at work on it"), run.open():
        pass
    with run.open():
        pass


def test_a_removed_run_is_made_anew(run):
    with run.open() as folder:
        (folder / "model").write_text("old")
        run.finish(1.0)
    run.remove()
    assert not run.is_done
    with run.open() as folder:
        assert not (folder / "model").exists()


def test_what_is_being_made_is_not_removed(run, monkeypatch):
    monkeypatch.setattr("espnet_atat.recipe.runs.PATIENCE", 0.2)
    with run.open() as folder:
        (folder / "checkpoint.pth").touch()
        with pytest.raises(UserError, match="another process is at work on it"):
            run.remove()
        assert (folder / "checkpoint.pth").exists()


def test_a_run_made_elsewhere_is_timed_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Run("pretrain", {"kind": "training"})
    tuned = Run("tune", {"kind": "training", "initialised_from": {"run": first.key}})
    for run, seconds in ((first, 100.0), (tuned, 20.0)):
        with run.open():
            run.finish(seconds)
    assert stage_times("toy", [], [first.folder, tuned.folder]) == {10: 100.0, 11: 20.0}
    with timed("toy", 10, str(first.folder)):  # the part of a call that went on where another was stopped
        pass
    assert stage_times("toy", [], [first.folder]) == {10: 100.0}


def test_the_last_time_of_a_step_counts_and_a_failed_step_has_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stage_times("toy", []) == {}
    with timed("toy", 10, "run_a"):
        pass
    with pytest.raises(UserError), timed("toy", 10, "run_c"):
        raise UserError("stopped")
    with times_file("toy").open("a") as handle:
        handle.write("10\trun_a\t5.5\n10\trun_b\t1.5\n6\tfeatures\t2500000e-6\n10\trun_d\t99\n")
    assert stage_times("toy", ["run_a", "run_b", "run_c"]) == {6: 2.5, 10: 7.0}


def test_a_run_knows_all_that_it_stands_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tokens = Run("tokens", {"kind": "tokens"})
    stats = Run("stats", {"kind": "statistics", "tokens": tokens.key})
    first = Run("pretrain", {"kind": "training", "statistics": stats.key})
    grown = Run("tokens-new", {"kind": "tokens", "grown_from": tokens.key})
    last = Run("tune", {"kind": "training", "statistics": grown.key, "initialised_from": {"run": first.key}})
    for run in (tokens, stats, first, grown, last):
        with run.open():
            run.finish(1.0)
    assert lineage(last.folder) == [run.folder for run in (last, grown, tokens, first, stats)]
    stats.remove()
    with pytest.raises(UserError, match=f"{stats.folder}: this run was removed"):
        lineage(last.folder)


def test_the_commit_says_whether_code_differs_from_it_whatever_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commit() == "unknown"
    kept = tmp_path / "egs2/atat/toy/results/old/seed1/training.json"
    kept.parent.mkdir(parents=True)
    for file in (kept, tmp_path / "code.py"):
        file.write_text("1\n")
    for call in ("init -q", "add .", "-c user.name=test -c user.email=test@localhost commit -qm first"):
        subprocess.run(["git", *call.split()], check=True)
    clean = commit()
    assert re.fullmatch("[0-9a-f]{12}", clean)
    kept.write_text("2\n")
    (tmp_path / "new.txt").write_text("not tracked\n")
    assert commit() == clean
    (tmp_path / "code.py").write_text("2\n")
    assert commit() == f"{clean}+"
