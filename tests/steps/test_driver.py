"""The stages of systems on the tiny recipe, through ESPnet's trainer; and the plan of every shipped table."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from espnet_atat.bin import run as command
from espnet_atat.config.rows import table_contents
from espnet_atat.config.system import System, load_system, results_folder
from espnet_atat.config.table import load_table
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.report.archives import Archives
from espnet_atat.report.glance import read_glance
from espnet_atat.report.learning import read_curves
from espnet_atat.stages import LAST_STAGE
from espnet_atat.steps import driver
from espnet_atat.steps.request import Request
from espnet_atat.steps.stage13_score import score_node
from espnet_atat.text.vocabulary import Vocabulary
from tests.conftest import ROOT
from tests.shell import run_script
from tests.steps.world import FILES, planned, read_audio_in_place, run, training, write_recipe

FINAL_LOSS = re.compile(r"1epoch results: .* loss=(\S+),")
RECIPES = sorted(path.parent.name for path in ROOT.glob("egs2/atat/*/recipe.yaml"))


def asked(*options: str) -> Request:
    """What a call of the driver asks for."""
    args = command.get_parser().parse_args(["--recipe", "toy", "--stage", "7", *options])
    return command._request(args, args.stage, args.stop_stage)


@pytest.fixture
def _no_data(tmp_path, monkeypatch):
    """What the repository ships, without any data or corpus."""
    for name in ("conf", "egs2"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for name in ("AN4", "CUSTOM", "FSC", "LIBRISPEECH", "SLURP", "SNIPS", "STOP", "TOP"):
        monkeypatch.delenv(name, raising=False)


def decoded(system: System) -> set[str]:
    """Where a system's hypotheses lie."""
    folds = range(1, system.folds + 1) if system.folds else [None]
    return {
        f"{results_folder(system.recipe, system.name, seed, fold)}/{config}/{test.name}"
        for seed in system.seeds
        for fold in folds
        for test in system.of_fold(fold).test
        for config in system.decode
    }


@pytest.mark.usefixtures("_no_data")
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_shipped_table_is_planned_before_there_is_any_data(recipe, capsys):
    for name in table_contents(recipe):
        command.main(["--recipe", recipe, "--table", name, "--dry_run"])
        lines = [line.removeprefix("stage ").split(": ", 2) for line in capsys.readouterr().out.splitlines()]
        stages = [int(line[0]) for line in lines]
        assert stages == sorted(stages)
        assert set(stages) >= {1, 6, 12, 13, 14, 15}
        systems = [load_system(recipe, row) for row in load_table(recipe, name).systems]
        to_make = {line[1] for line in lines if line[2:] and line[2].startswith("to be made")}
        for system in systems:
            assert decoded(system) | {f"{folder}/metrics.json" for folder in decoded(system)} <= to_make
            for phase, stage in ((system.pretrain, 10), (system.finetune, 11)):
                runs = [line[1] for line in lines if int(line[0]) == stage]
                assert phase is None or any(phase.config.rpartition("/")[2] in run for run in runs)
        assert f"exp/{recipe}/tables/{name}.json" in to_make
    assert not Path("exp").exists()
    assert not Path("data").exists()


def test_a_dry_run_makes_nothing_and_needs_no_torch(world):
    script = """
import sys
from espnet_atat.bin.run import main
main(["--recipe", "toy", "--stage", "7", "--dry_run"])
assert not {"torch", "espnet2", "transformers", "scipy.signal"} & set(sys.modules)
"""
    done = run_script(script)
    assert len(re.findall(r"stage (?:[789]|1[0-5]): \S+: to be made", done.stdout)) == 19
    assert not (world / "exp").exists()


def test_a_file_that_is_missing_is_named_though_there_is_no_data(world):
    shutil.rmtree(world / "dump")
    (world / "egs2/atat/toy/conf/finetune.yaml").unlink()
    with pytest.raises(UserError, match=r"no finetune\.yaml in egs2/atat/toy/conf"):
        run("--system", "zeroshot", "--dry_run")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--stage", "10"), r"exp/runs/tokens-\w+ is missing or unfinished, and .*: run stage 7 too"),
        (("--stage", "14"), r"metrics\.json is missing .*: run stage 13 too"),
        (("--stage", "15", "--stop_stage", "15"), r"exp/runs/pretrain\S+ is missing .*: run stage 10 too"),
        (("--stage", "9", "--stop_stage", "8"), f"stages are 1 to {LAST_STAGE}, not 9 to 8"),
        (("--table", "default,deaf", "--decode_dev"), "--decode_dev: none of the systems of deaf names dev sets"),
    ],
)
def test_what_cannot_be_done_is_said(options, message):
    deaf = FILES["rows/old"].replace("dev: [{set: toy/words, task: nlu}]\n", "")
    tables = {"tables/deaf.yaml": "title: nothing to choose on\nrows: {deaf}"}
    write_recipe(Path(), "toy", {"rows/deaf": deaf, **tables})
    with pytest.raises(UserError, match=message):
        run(*options)
    run("--stage", "15", "--stop_stage", "15", "--use_results", "--seeds", "5")  # there are no results either
    assert not Path("exp/toy").exists()


@pytest.mark.usefixtures("world")
def test_what_training_needs_of_other_recipes_is_asked_for_before_the_first_stage():
    write_recipe(Path(), "toy", {"mixtures/new_words": FILES["mixtures/new_words"].replace("toy/new", "top/words")})
    write_recipe(Path(), "top", {})
    missing = r"^dump/top has no words, which training needs: \./run\.sh --recipe top --stop_stage 6 prepares"
    begins = "local/data.sh"  # of stage 1, which the toy has none
    for options, message in (
        (("--stop_stage", "7"), missing),
        (("--part", "data"), missing),
        (("--stop_stage", "6"), begins),
        (("--system", "old"), begins),
    ):
        with pytest.raises((UserError, FileNotFoundError), match=message):
            command.main(["--recipe", "toy", *options])


def test_a_job_makes_what_the_call_would_have_made_of_its_system(world):
    folded = FILES["rows/old"].replace("toy/test", '"toy/fold{fold}_test"') + "folds: 2\n"
    write_recipe(world, "toy", {"rows/folded": folded, "tables/all.yaml": "title: all\nrows: {zeroshot, folded}\n"})
    for fold in (1, 2):
        for place in ("data", "dump"):
            shutil.copytree(world / place / "toy/test", world / place / f"toy/fold{fold}_test")
    options = ("--set", "pretrain.options.max_epoch=3", "--set", "decode=[decode]", "--grow_bpe", "true")
    machines = ("--jobs", "2", "--nj", "8", "--cpu_processes", "1")
    request = asked("--table", "all", "--seeds", "1,3", *options, *machines)
    jobs = list(driver._jobs(request))
    folded = [f"folded/seed{seed}_fold{fold}" for seed in (1, 3) for fold in (1, 2)]
    assert [job.name for job in jobs] == ["zeroshot/seed1", "zeroshot/seed3", *folded]
    for job, trial in zip(jobs, request.trials, strict=True):
        again = asked(*job.arguments)
        (same,) = again.trials
        for mine, theirs in zip(same.nodes(), trial.nodes(), strict=True):
            assert mine.place == theirs.place
        for mine, theirs in zip(same.hypotheses, trial.hypotheses, strict=True):
            assert (mine.folder, mine.node.key) == (theirs.folder, theirs.node.key)
        assert (again.stage, again.stop_stage, again.nj, again.machines.cpu_processes) == (7, 13, 4, 1)
        assert (again.force, again.machines.jobs) == (False, 1)


@pytest.mark.usefixtures("finished")
@pytest.mark.slow
def test_force_makes_anew_what_jobs_share_once(monkeypatch, capsys):
    started = []

    def run_jobs(jobs, _machines):
        started.extend(jobs)
        assert [step.run.is_done for step in training("zeroshot").chain] == [True, False]
        assert not planned("old").hypotheses[0].node.place.exists()

    monkeypatch.setattr(driver, "run_jobs", run_jobs)
    run("--force", "--jobs", "2", "--stage", "11")
    assert [job.name for job in started] == ["old/seed1", "zeroshot/seed1"]
    assert not any("--force" in job.arguments for job in started)
    lines = capsys.readouterr().out.splitlines()  # what the jobs have left is made here, and the table in any case
    assert not any(line.endswith("skipped") for line in lines)
    assert "stage 14: exp/toy/tables/default.json:" in lines


@pytest.mark.slow
def test_a_table_is_made_from_nothing_and_a_second_call_skips_everything(finished, capsys):
    content = json.loads(Path("exp/toy/tables/default.json").read_text())
    assert [(row["system"], row["utterances"]) for row in content["rows"]] == [("old", 3), ("zeroshot", 3)]
    assert content["stage_times"].keys() == {"7", "9", "10", "11", "12", "13"}
    assert content["command"] == "./run.sh --recipe toy --table default"
    final = training("zeroshot")
    old, new = (Vocabulary.load(step.tokens.place / "tokens.txt") for step in (final.first, final))
    assert new.extends(old)
    assert {"[IN:ORDER", "[IN:RETURN", "▁quartz"} <= set(new.tokens[len(old) :])

    write_recipe(finished, "toy", {"tables/turned.yaml": "title: turned\nrows: {zeroshot, old}"})
    before = {path: path.stat().st_mtime_ns for path in Path("exp").rglob("*") if path.is_file()}
    run("--table", "default,turned", "--stop_stage", "15")
    lines = [line for line in capsys.readouterr().out.split("\n\n")[0].splitlines() if line.startswith("stage")]
    assert [line for line in lines if not line.endswith("skipped")] == ["stage 14: exp/toy/tables/turned.json:"]
    assert before.items() <= {path: path.stat().st_mtime_ns for path in before if path.exists()}.items()
    rows = json.loads(Path("exp/toy/tables/turned.json").read_text())["rows"]
    assert [row["system"] for row in rows] == ["zeroshot", "old"]


@pytest.mark.slow
def test_kept_results_take_the_place_of_their_runs_while_nothing_else_changes(finished, capsys):
    there = json.loads(Path("exp/toy/tables/default.json").read_text())
    drawn = sorted(path.name for path in Path("exp/toy/tables/default_plots").glob("*learning*"))
    curves = {path.parent: read_curves(path) for path in Path("exp/runs").glob("*/tensorboard")}
    shutil.rmtree("egs2/atat/toy/results")
    run("--keep_results", "--stage", "14", "--stop_stage", "14")  # scores too, not only tables
    kept = Archives(finished / "egs2/atat/toy/results").texts
    left = {"old/seed1/decode_gone/test/hyp": "of an earlier version of the row\n"}
    Archives(finished / "egs2/atat/toy/results").keep("default", left)
    run("--keep_results", "--stage", "14", "--stop_stage", "14")
    assert Archives(finished / "egs2/atat/toy/results").texts == kept
    shutil.rmtree("exp")
    run("--use_results", "--dry_run", "--stop_stage", "13")
    lines = capsys.readouterr().out
    assert lines.count("taken from egs2/atat/toy/results") == 4
    assert "to be made" not in lines
    run("--use_results", "--stop_stage", "15")
    lines = capsys.readouterr().out
    assert lines.count("taken from egs2/atat/toy/results") == 4
    assert lines.count("only the results of its model are here, skipped") == 2
    assert not Path("exp/runs").exists()
    for system in ("old", "zeroshot"):
        for each in planned(system).hypotheses:
            assert each.node.is_done
            assert score_node(each).is_done
    here = json.loads(Path("exp/toy/tables/default.json").read_text())
    for mine, kept in zip(here["rows"], there["rows"], strict=True):
        learning = [f"exp/toy/{mine['system']}/seed1/learning.json"]
        assert mine == {**kept, "runs": [], "learning": learning}
        assert mine["training"]["updates"] > 0
        for folder, of_tasks in json.loads(Path(learning[0]).read_text()).items():
            assert of_tasks == {
                task: {split: [steps, pytest.approx(values, abs=1e-4)] for split, (steps, values) in splits.items()}
                for task, splits in curves[Path(folder)].items()
            }
    assert sorted(path.name for path in Path("exp/toy/tables/default_plots").glob("*learning*")) == drawn != []

    config = finished / "egs2/atat/toy/conf/decode.yaml"
    config.write_text(config.read_text().replace("beam_size: 2", "beam_size: 3"))
    run("--use_results", "--dry_run", "--stop_stage", "13")
    lines = capsys.readouterr().out
    assert lines.count("kept in egs2/atat/toy/results, but it comes from another version of model") == 2
    assert len(re.findall(r"/decode/test\S*: to be made", lines)) == 4  # stages 12 and 13 of two systems
    assert not re.search(r"/decode_tree/test\S*: to be made", lines)
    assert re.search(r"stage 10: exp/runs/pretrain-\S+: to be made", lines)


@pytest.mark.slow
def test_systems_are_made_at_once_as_far_as_they_share_nothing(world, capfd, monkeypatch):
    monkeypatch.setenv("PATH", f"{ROOT / 'utils'}:{os.environ['PATH']}")
    run("--jobs", "2", "--cpu_processes", "1")
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("job ")]
    order = [re.sub(r"[;,].*", "", line) for line in lines]
    assert order[:2] == ["job old/seed1: started", "job zeroshot/seed1: started"]
    assert sorted(order[2:]) == ["job old/seed1: done", "job zeroshot/seed1: done"]
    log = (world / "exp/toy/zeroshot/seed1/job.log").read_text()
    assert re.search(r"stage 10: exp/runs/pretrain-\S+: done already", log)  # it waited for the other's pretraining
    assert len(list(world.glob("exp/runs/pretrain-*"))) == 1
    assert len(list(world.glob("exp/toy/*/seed1/decode/test/metrics.json"))) == 2
    assert (world / "exp/toy/tables/default.json").is_file()


@pytest.mark.slow
def test_a_model_of_audio_is_tuned_on_text_and_still_hears(world):
    for name in ("audio", "test"):
        read_audio_in_place(world, name)
    run("--system", "zeroshot", "--cpu_processes", "1", "--stop_stage", "13")
    final = training("zeroshot")
    assert final.mixtures.train[0].source == "text_in"
    assert yaml.safe_load((final.run.place / "config.yaml").read_text())["frontend"] == "default"
    assert len(read_two_column(world / "exp/toy/zeroshot/seed1/decode/test/hyp")) == 3


@pytest.mark.slow
def test_killed_in_training_and_started_again_it_ends_with_the_same_result(finished):
    def hypotheses():
        return {path.relative_to(finished): path.read_text() for path in finished.glob("exp/toy/*/*/*/*/hyp")}

    wanted = hypotheses()
    shutil.rmtree("exp/toy")
    for folder in [*Path("exp/runs").glob("pretrain-*"), *Path("exp/runs").glob("finetune-*")]:
        shutil.rmtree(folder)
    call = [sys.executable, "-u", "-m", "espnet_atat.bin.run", "--recipe", "toy", "--stage", "7"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("  epoch 2/2"):  # the checkpoint of epoch 1 is there, that of epoch 2 not yet
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    final = training("old")
    assert not final.run.is_done
    run()
    assert "The training was resumed" in (final.run.place / "train.log").read_text()
    assert hypotheses() == wanted
    assert len(wanted) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("finished")
def test_one_utterance_is_looked_into_and_dev_sets_are_decoded_only_where_asked_for():
    for system, task in (("old", "slu"), ("zeroshot", "nlu")):
        glance = read_glance(Path(f"exp/toy/{system}/seed1/decode/test/attention.npz"))
        frames = int(read_two_column("dump/toy/test/utt2num_frames")[glance.utt_id])
        assert (glance.audio_task, glance.text_task, glance.features.shape) == (task, "nlu", (frames, 80))
        assert glance.audio.shape == (len(glance.tokens), frames)
        assert glance.text.shape == (len(glance.tokens), len(glance.pieces))
        assert glance.audio.sum(1) == pytest.approx(1, abs=1e-4)
        assert glance.hypothesis == read_two_column(f"exp/toy/{system}/seed1/decode/test/hyp")[glance.utt_id]
        assert f'id="attention_{system}_test"' in Path("exp/toy/tables/default.html").read_text()
    assert not Path("exp/toy/old/seed1/decode/words").exists()
    run("--system", "old", "--decode_dev")
    assert Path("exp/toy/old/seed1/decode/words/metrics.json").is_file()
    table = json.loads(Path("exp/toy/tables/old_dev.json").read_text())
    assert table["command"] == "./run.sh --recipe toy --system old --decode_dev"


@pytest.mark.slow
@pytest.mark.usefixtures("finished")
def test_training_may_be_started_by_the_command_of_cmd_sh(monkeypatch):
    monkeypatch.setenv("PATH", f"{ROOT / 'utils'}:{os.environ['PATH']}")
    final = training("zeroshot")
    losses = FINAL_LOSS.findall((final.run.place / "train.log").read_text())
    final.run.remove()
    run("--system", "zeroshot", "--stage", "11", "--stop_stage", "11", "--train_cmd", "run.pl --mem 4G")
    log = (final.run.place / "train.log").read_text()
    assert "# Ended (code 0)" in log  # run.pl's own lines
    assert FINAL_LOSS.findall(log) == losses != []
