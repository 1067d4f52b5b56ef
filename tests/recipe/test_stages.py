"""Stages 7 to 14 on the tiny recipe, through ESPnet's own trainer."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from espnet_atat.bin.run_systems import main
from espnet_atat.recipe.decoding import STAMP
from espnet_atat.recipe.plan import plan_system
from espnet_atat.recipe.request import Request
from espnet_atat.recipe.stages import forget, plan_jobs, plan_runs

from espnet_atat.bin import pack
from espnet_atat.config.system import load_system
from espnet_atat.config.table import load_tables
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.report.glance import read_glance
from espnet_atat.report.learning import load_curves, read_curves
from espnet_atat.text.vocabulary import Vocabulary
from tests.recipe.world import FILES, make_world, read_audio_in_place, write_recipe

FINAL_LOSS = re.compile(r"1epoch results: .* loss=(\S+),")
ROOT = Path(__file__).resolve().parents[2]


def test_a_dry_run_makes_nothing_and_needs_no_torch(world):
    script = """
import sys
from espnet_atat.bin import pack
from espnet_atat.bin.run_systems import main
main(["--recipe", "toy", "--dry_run"])
assert not {"torch", "espnet2", "transformers"} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.count("to be made") == 16
    assert not (world / "exp").exists()


@pytest.mark.usefixtures("world")
def test_a_stage_says_which_earlier_one_is_missing():
    with pytest.raises(UserError, match=r"exp/runs/tokens-.* is not there or not finished.*run the stages before 10"):
        main(["--recipe", "toy", "--system", "old", "--stage", "10"])
    with pytest.raises(UserError, match=r"metrics\.json: not there yet"):
        main(["--recipe", "toy", "--stage", "14"])


def test_a_table_without_dev_sets_is_named(world):
    deaf = yaml.safe_load(FILES["rows/old"])
    deaf.pop("dev", None)
    files = {"rows/deaf": yaml.safe_dump(deaf), "tables/deaf.yaml": "title: nothing to choose on\nrows: {deaf}"}
    write_recipe(world, "toy", files)
    with pytest.raises(UserError, match=r"^--decode_dev: none of the systems of deaf names dev sets$"):
        main(["--recipe", "toy", "--table", "default,deaf", "--decode_dev", "--dry_run"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A world in which everything was run once."""
    root = tmp_path_factory.mktemp("finished")
    make_world(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        main(["--recipe", "toy", "--keep_results"])
    return root


def hypotheses(root):
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.glob("exp/toy/*/*/*/*/hyp"))}


@pytest.mark.slow
def test_a_table_is_made_from_nothing_and_a_second_call_skips_everything(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished)
    content = json.loads(Path("exp/toy/tables/default.json").read_text())
    assert [(row["system"], row["utterances"]) for row in content["rows"]] == [("old", 3), ("zeroshot", 3)]
    assert content["stage_times"].keys() == {"7", "9", "10", "11", "12", "13"}
    before = {path: path.stat().st_mtime_ns for path in Path("exp/runs").rglob("*") if path.is_file()}
    main(["--recipe", "toy"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.endswith("skipped")] == [
        "stage 14: wrote exp/toy/tables/default.json, default.md, default.tex and default.html with its plots"
    ]
    assert before == {path: path.stat().st_mtime_ns for path in Path("exp/runs").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_kept_results_stand_for_their_runs_while_nothing_else_changes(finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished, tmp_path / "clone", ignore=shutil.ignore_patterns("exp"))
    monkeypatch.chdir(tmp_path / "clone")
    main(["--recipe", "toy", "--use_results", "--dry_run"])
    planned = capsys.readouterr().out
    assert planned.count("taken from egs2/atat/toy/results") == 4
    assert "to be made" not in planned
    main(["--recipe", "toy", "--use_results"])
    assert not Path("exp/runs").exists()
    assert capsys.readouterr().out.count("taken from egs2/atat/toy/results") == 4
    pack.main(["--recipe", "toy", "--use_results"])
    assert capsys.readouterr().out.count("only the results of its model are here, skipped") == 2
    here, there = (json.loads((root / "exp/toy/tables/default.json").read_text()) for root in (Path(), finished))
    for mine, kept in zip(here["rows"], there["rows"], strict=True):
        learning = [f"exp/toy/{mine['system']}/seed1/learning.json"]
        assert mine == {**kept, "runs": [], "learning": learning}
        assert mine["training"]["updates"] > 0
        for run, curves in load_curves(Path(learning[0])).items():
            assert curves == {
                task: {split: [steps, pytest.approx(values, abs=1e-4)] for split, (steps, values) in splits.items()}
                for task, splits in read_curves(finished / run / "tensorboard").items()
            }
    drawn, there = (
        sorted(path.name for path in (root / "exp/toy/tables").glob("*_plots/*learning*"))
        for root in (Path(), finished)
    )
    assert drawn == there != []

    config = Path("egs2/atat/toy/conf/decode.yaml")
    config.write_text(config.read_text().replace("beam_size: 2", "beam_size: 3"))
    main(["--recipe", "toy", "--use_results", "--dry_run"])
    lines = capsys.readouterr().out
    assert lines.count("/decode/test: to be made") == 4  # stages 12 and 13 of two systems
    assert "/decode_tree/test: done already" in lines
    assert re.search(r"stage 10: exp/runs/pretrain-\S+: to be made", lines)


@pytest.mark.slow
def test_systems_are_made_at_once_as_far_as_they_share_nothing(world, capfd):
    main(["--recipe", "toy", "--jobs", "2", "--cpu_processes", "1"])
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("job ")]
    order = [re.sub(r"[;,].*", "", line) for line in lines]
    assert order[:2] == ["job old/seed1: started", "job zeroshot/seed1: started"]
    assert sorted(order[2:]) == ["job old/seed1: done", "job zeroshot/seed1: done"]
    log = (world / "exp/toy/zeroshot/seed1/job.log").read_text()
    assert re.search(r"stage 10: exp/runs/pretrain-\S+: done already", log)  # it waited for the other's pretraining
    assert len(list(world.glob("exp/runs/pretrain-*/done"))) == 1
    assert len(list(world.glob("exp/toy/*/seed1/decode/test/metrics.json"))) == 2
    assert (world / "exp/toy/tables/default.json").is_file()


@pytest.mark.slow
def test_a_model_of_audio_is_tuned_on_text_and_still_hears(world):
    for name in ("audio", "test"):
        read_audio_in_place(world, name)
    main(["--recipe", "toy", "--system", "zeroshot", "--cpu_processes", "1", "--stop_stage", "13"])
    final = plan_system(load_system("toy", "zeroshot"), 1).final
    assert final.mixtures.train[0].source == "text_in"
    assert yaml.safe_load((final.run.folder / "config.yaml").read_text())["frontend"] == "default"
    assert len(read_two_column(world / "exp/toy/zeroshot/seed1/decode/test/hyp")) == 3


@pytest.mark.usefixtures("world")
def test_force_makes_anew_what_jobs_share_once():
    systems = tuple(load_system("toy", name) for name in ("old", "zeroshot"))
    request = Request(tables=load_tables("toy", "default"), systems=systems, jobs=2, force=True, nj=8)
    runs = plan_runs(request)
    pretraining, tuned = runs[1].final.first.run, runs[1].final.run
    for run in (pretraining, tuned):
        with run.open() as folder:
            (folder / "model.pth").touch()
            run.finish(1.0)
    stamp = Path("exp/toy/zeroshot/seed1/decode/test") / STAMP
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    forget(runs, replace(request, stage=11))
    assert pretraining.is_done
    assert not tuned.is_done
    assert not (tuned.folder / "model.pth").exists()
    assert not stamp.exists()
    jobs = plan_jobs(runs, replace(request, force=False))
    assert not any("--force" in job.arguments for job in jobs)
    assert all(" --nj 4 " in f" {' '.join(job.arguments)} " for job in jobs)


@pytest.mark.slow
def test_one_utterance_is_looked_into_heard_and_read(finished, monkeypatch):
    monkeypatch.chdir(finished)
    for system, task in (("old", "slu"), ("zeroshot", "nlu")):
        glance = read_glance(Path(f"exp/toy/{system}/seed1/decode/test/attention.npz"))
        frames = int(read_two_column("dump/toy/test/utt2num_frames")[glance.utt_id])
        assert (glance.audio_task, glance.text_task, glance.features.shape) == (task, "nlu", (frames, 80))
        assert glance.audio.shape == (len(glance.tokens), frames)
        assert glance.text.shape == (len(glance.tokens), len(glance.pieces))
        assert glance.audio.sum(1) == pytest.approx(1, abs=1e-4)
        assert glance.hypothesis == read_two_column(f"exp/toy/{system}/seed1/decode/test/hyp")[glance.utt_id]
        assert f'id="attention_{system}_test"' in Path("exp/toy/tables/default.html").read_text()


@pytest.mark.slow
def test_nobody_looks_without_the_model(finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    attention = Path("exp/toy/old/seed1/decode/test/attention.npz")
    attention.unlink()
    (plan_system(load_system("toy", "old"), 1).final.run.folder / "done").unlink()
    main(["--recipe", "toy", "--system", "old", "--stage", "12", "--stop_stage", "14"])
    assert f"stage 12: {attention}: its model is not here, skipped" in capsys.readouterr().out
    assert "attention_old" not in Path("exp/toy/tables/old.html").read_text()


@pytest.mark.slow
def test_the_model_grew_by_the_new_tags_and_characters(finished, monkeypatch):
    monkeypatch.chdir(finished)
    final = plan_system(load_system("toy", "zeroshot"), 1).final
    old, new = (Vocabulary.load(step.tokens.folder / "tokens.txt") for step in (final.first, final))
    assert new.extends(old)
    assert {"[IN:ORDER", "[IN:RETURN", "q", "x"} <= set(new.tokens[len(old) :])


@pytest.mark.slow
def test_killed_in_training_and_started_again_it_ends_with_the_same_result(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    shutil.rmtree("exp/toy")
    for folder in [*Path("exp/runs").glob("pretrain-*"), *Path("exp/runs").glob("finetune-*")]:
        shutil.rmtree(folder)
    command = [sys.executable, "-u", "-m", "espnet_atat.bin.run_systems", "--recipe", "toy"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("  epoch 2/2"):  # the checkpoint of epoch 1 is there, that of epoch 2 not yet
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    training = plan_system(load_system("toy", "old"), 1).final
    assert not training.run.is_done
    main(["--recipe", "toy"])
    assert "The training was resumed" in (training.run.folder / "train.log").read_text()
    assert hypotheses(tmp_path) == hypotheses(finished)
    assert len(hypotheses(tmp_path)) == 4


@pytest.mark.slow
def test_several_tables_are_made_by_one_call(finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, "toy", {"tables/turned.yaml": "title: turned\nrows: {zeroshot, old}"})
    main(["--recipe", "toy", "--table", "default,turned"])
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("stage 10: ")]) == 1
    assert [line.split(":")[1] for line in lines if line.startswith("stage 14")] == [
        f" wrote exp/toy/tables/{name}.json, {name}.md, {name}.tex and {name}.html with its plots"
        for name in ("default", "turned")
    ]
    rows = json.loads(Path("exp/toy/tables/turned.json").read_text())["rows"]
    assert [row["system"] for row in rows] == ["zeroshot", "old"]


@pytest.mark.slow
def test_dev_sets_are_decoded_only_where_asked_for(finished, monkeypatch):
    monkeypatch.chdir(finished)
    assert not Path("exp/toy/old/seed1/decode/words").exists()
    main(["--recipe", "toy", "--system", "old", "--decode_dev"])
    assert Path("exp/toy/old/seed1/decode/words/metrics.json").is_file()
    assert Path("exp/toy/tables/old_dev.json").is_file()


@pytest.mark.slow
def test_a_dropped_test_utterance_counts_as_wrong(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("feats.scp", "utt2num_frames"):
        path = Path("dump/toy/test", name)
        path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    request = ["--recipe", "toy", "--system", "old", "--stage", "7"]
    with pytest.raises(UserError, match=r"dump/toy/test: lacks t0, which data/toy/test has: redo stage 6"):
        main(request)
    Path("dump/toy/test/report.json").write_text(json.dumps({"dropped": {"t0": "not audio"}}))
    main(request)
    folder = Path("exp/toy/old/seed1/decode/test")
    assert (folder / "hyp").read_text().splitlines()[0] == "t0"
    assert json.loads((folder / "metrics.json").read_text())["utterances"] == 3


@pytest.mark.slow
def test_training_may_be_started_by_the_command_of_cmd_sh(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{ROOT / 'utils'}:{os.environ['PATH']}")
    training = plan_system(load_system("toy", "zeroshot"), 1).final
    losses = FINAL_LOSS.findall((training.run.folder / "train.log").read_text())
    shutil.rmtree(training.run.folder)
    main(
        [
            "--recipe",
            "toy",
            "--system",
            "zeroshot",
            "--stage",
            "11",
            "--stop_stage",
            "11",
            "--train_cmd",
            "run.pl --mem 4G",
        ]
    )
    log = (training.run.folder / "train.log").read_text()
    assert "# Ended (code 0)" in log  # run.pl's own lines
    assert FINAL_LOSS.findall(log) == losses != []
