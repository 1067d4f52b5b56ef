"""The driver, its options, its steps, and the scripts that it stands on; in a copy of the repository's shell part."""

import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.shell import kill_and_see_its_command_end, make_clone, run, wait_until

RECIPES = ("an4", "custom", "fsc", "librispeech", "mini", "snips", "top")
OPTIONS = (
    "recipe", "stage", "stop_stage", "table", "system", "seeds", "fold", "feats_type", "nj", "ngpu", "num_nodes",
    "augment_sets", "grow_bpe", "hf_repo", "upload_dir", "decode_dev", "allow_bad_test", "force", "dry_run",
)  # fmt: skip


@pytest.fixture
def clone(root, tmp_path):
    """The scripts and recipes in a folder of their own, with the package linked in."""
    return make_clone(root, tmp_path / "clone")


def test_help_lists_options_stages_and_recipes(root):
    text = run(root, "./run.sh", "--help").stdout
    for option in OPTIONS:
        assert f"  --{option} " in text
    assert f"one of: {' '.join(RECIPES)} " in text
    for stage in range(1, 17):
        assert f" {stage} " in text


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_has_a_run_script_of_its_own(root, recipe):
    assert run(root, f"egs2/atat/{recipe}/run.sh", "--help").stdout.startswith("usage: ./run.sh [options]")
    other = next(name for name in RECIPES if name != recipe)
    wrong = run(root, f"egs2/atat/{recipe}/run.sh", "--recipe", other)
    assert wrong.returncode == 2
    assert "runs its own recipe" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nope"], f"error: unknown recipe 'nope'; known: {' '.join(RECIPES)}"),
        (["--recipes", "mini"], "error: unknown option --recipes; known: --recipe --stage --stop_stage"),
        (["--system", "nope"], "error: unknown system 'nope' of recipe mini; known: an4"),
        (["--table", "99"], "error: unknown table '99' of recipe mini; known: amount an4"),
        (["--table", "1,99"], "error: unknown table '99' of recipe mini; known: amount an4"),
        (["--table", ","], "error: --table is a list of names such as 1,2, not ','"),
        (["--stage", "two"], "error: --stage is a whole number, not 'two'"),
        (["--jobs", "many"], "error: --jobs is a whole number, not 'many'"),
        (["--stage", "12", "--stop_stage", "3"], "error: stages are 1 to 16, not 12 to 3"),
        (["--stage"], "error: --stage needs a value"),
        (["--feats_type", "mfcc"], "error: --feats_type is fbank or raw, not 'mfcc'"),
        (["--table", "default", "--system", "music"], "error: give --table or --system, not both"),
        (["--hf_repo", "me/model"], "error: one model is uploaded at a time: name its system (--system)"),
        (["--hf_repo", "me/model", "--upload_dir", "out"], "error: give --hf_repo or --upload_dir, not both"),
        (["--grow_bpe", "yes"], "error: --grow_bpe is true or false, not 'yes'"),
        (["mini"], "error: unexpected argument 'mini'"),
        (["--force", "--dry_run=maybe"], "error: --dry_run is true or false, not 'maybe'"),
    ],
)
def test_a_mistake_ends_it_before_any_work(root, arguments, message):
    done = run(root, "./run.sh", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not done.stdout


def test_every_option_that_help_names_is_taken_and_no_other(root):
    described = set(re.findall(r"^  (--\w+)", run(root, "./run.sh", "--help").stdout, re.MULTILINE))
    listed = run(root, "./run.sh", "--no_such_option").stderr.partition("known: ")[2]
    assert described == {*listed.split()}


def test_a_corpus_that_is_not_there_says_where_to_name_it(clone):
    done = run(clone, "./run.sh", "--recipe", "fsc")
    assert done.returncode == 2
    assert "or set FSC in db.sh to its folder" in done.stderr
    done = run(clone, "./run.sh", "--recipe", "fsc", FSC="/nonexistent/fsc")
    assert done.returncode == 2
    assert "error: /nonexistent/fsc: no such file or folder" in done.stderr


def test_a_dry_run_makes_no_environment_and_no_data(clone):
    done = run(clone, "./run.sh", "--recipe", "custom", "--dry_run", CUSTOM=str(clone), ATAT_VENV=str(clone / "v"))
    assert done.returncode == 0, done.stderr
    assert "stage 1, prepare: data/custom: to be made by egs2/atat/custom/local/data.sh" in done.stdout
    assert "planned when the environment is there" in done.stdout
    assert not (clone / "data").exists()
    assert not (clone / "v").exists()


@pytest.fixture
def table(tmp_path):
    """A table of three utterances of noise for the recipe ``custom``."""
    rng = np.random.default_rng(0)
    lines = ["audio,transcript,tree,split"]
    for split in ("train", "dev", "test"):
        soundfile.write(tmp_path / f"{split}.wav", 0.1 * rng.normal(size=16000), 16000)
        lines.append(f"{split}.wav,go home,[IN:GO go [SL:TO home ] ],{split}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_steps_are_skipped_until_what_they_read_changes(clone, table):
    def custom(*arguments):
        done = run(
            clone,
            "./run.sh",
            "--recipe",
            "custom",
            "--stop_stage",
            "6",
            *arguments,
            CUSTOM=str(table),
        )
        assert done.returncode == 0, done.stderr
        return [
            line.split(":")[0]
            for line in done.stdout.splitlines()
            if line.startswith("stage ") and "skipped" not in line
        ]

    made = ["stage 1, prepare"]
    features = [f"stage 6, features_{name}" for name in ("dev", "test", "train")]
    absent = ["stage 2", "stage 3"]
    masks = ["stage 4", "stage 5"]  # this recipe masks no set
    assert custom() == [*made, *absent, *masks, *features]
    dump = clone / "dump/custom/train/utt2num_frames"
    assert dump.read_text() == "train 98\n"
    assert custom() == [*absent, *masks]
    dump.unlink()
    shutil.rmtree(clone / "dump/custom/train")
    assert custom() == [*absent, *masks, "stage 6, features_train"]
    assert custom("--stage", "6", "--force") == features
    table.write_text(table.read_text().replace("go home", "go house").replace("home ]", "house ]"))
    assert custom() == [*made, *absent, *masks, *features]
    assert (clone / "dump/custom/train/text").read_text() == "train go house\n"
    shutil.copytree(clone / "data/custom/train", clone / "data/custom/train_pico")  # made by hand, without stage 3
    assert custom() == [*absent, *masks, "stage 6, features_train_pico"]
    table.write_text(table.read_text().replace(",dev\n", ",valid\n"))
    assert "stage 6, features_valid" in custom()
    assert sorted(path.name for path in (clone / "dump/custom").iterdir()) == ["test", "train", "train_pico", "valid"]
    shutil.rmtree(clone / "egs2/atat/custom/systems")
    done = run(clone, "./run.sh", "--recipe", "custom", CUSTOM=str(table))
    assert "recipe custom has no systems yet: its data is ready below dump/custom" in done.stdout


STEP = """
set -euo pipefail
recipe=toy force=false dry_run=false
fail() { echo "error: $*" >&2; exit 2; }
. local/step.sh
step 3 make made.txt given.txt -- sh -c 'cp given.txt made.txt; echo called; exit "$(cat code.txt)"'
"""


def test_a_step_that_fails_is_run_again(clone):
    (clone / "given.txt").write_text("x")
    (clone / "code.txt").write_text("1")
    first = run(clone, "bash", "-c", STEP)
    assert (first.returncode, first.stdout) == (1, "stage 3, make: made.txt:\n  called\n")
    (clone / "code.txt").write_text("0")
    assert "called" in run(clone, "bash", "-c", STEP).stdout
    assert run(clone, "bash", "-c", STEP).stdout == "stage 3, make: made.txt: done already, skipped\n"
    number, name, seconds = (clone / "exp/toy/stage_times.tsv").read_text().split()
    assert (number, name) == ("3", "make")
    assert 0 < float(seconds) < 60


def test_a_killed_driver_takes_its_command_with_it(clone):
    if sys.platform != "linux" or shutil.which("setpriv") is None:
        pytest.skip("needs setpriv of Linux")
    (clone / "given.txt").write_text("x")
    script = STEP.replace("cp given.txt made.txt; echo called", 'echo "$$" >pid; mv pid running; exec sleep 100')
    driver = subprocess.Popen(["bash", "-c", script], cwd=clone, stdout=subprocess.DEVNULL)
    kill_and_see_its_command_end(driver, clone / "running")


def test_a_step_without_its_input_names_it(clone):
    done = run(clone, "bash", "-c", STEP)
    assert done.returncode == 2
    assert "given.txt" in done.stderr
    assert "run the stages before it" in done.stderr


PARSE = """
options=(stage name) flags=(force)
stage=1 name='' force=false
usage() { echo help; }
. utils/parse_options.sh
echo "$stage|$name|$force|${arguments[*]}"
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "1||false|"),
        (["--stage", "3", "--force"], "3||true|"),
        (["--stage=3", "--force", "false", "more"], "3||false|more"),
        (["--name", "two words", "--name", "last"], "1|last|false|"),
        (["--name=a=b", "--", "--stage"], "1|a=b|false|--stage"),
        (["--help"], "help"),
    ],
)
def test_options_are_read(root, arguments, printed):
    assert run(root, "bash", "-c", PARSE, "x", *arguments).stdout == f"{printed}\n"


def test_run_pl_logs_a_command_and_gives_its_code(root, tmp_path):
    log = tmp_path / "logs/a.log"
    done = run(
        root, "utils/run.pl", "--gpu", "0", str(log), "sh", "-c", 'echo "$1"; echo err >&2; exit 3', "sh", "a b  $HOME"
    )
    assert done.returncode == 3
    lines = log.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["a b  $HOME", "err"]
    assert lines[-1].startswith("# Ended (code 3)")
    assert run(root, "utils/run.pl", str(log), "true").returncode == 0
    assert run(root, "utils/run.pl", str(log), "no-such-command").returncode == 127
    assert "unknown option --jobs" in run(root, "utils/run.pl", "--jobs", "3", str(log), "true").stderr


def test_run_pl_ends_its_command_when_its_caller_is_killed(root, tmp_path):
    told = '(sh -c "echo \\$\\$ >$1/pid; mv $1/pid $1/running; exec sleep 100"); true'  # not run.pl's own child
    script = f"utils/run.pl {tmp_path}/a.log sh -c '{told}' sh {tmp_path}"
    caller = subprocess.Popen(["sh", "-c", f"{script}; true"], cwd=root)
    kill_and_see_its_command_end(caller, tmp_path / "running")


def test_slurm_pl_asks_for_what_it_is_told_and_gives_the_code(root, tmp_path):
    sbatch = tmp_path / "bin/sbatch"
    sbatch.parent.mkdir()
    # Does what sbatch --wait does, on this machine: the last argument is the script, --output names its log.
    sbatch.write_text('#!/bin/sh\necho 17\necho "$@" >"$ASKED"\nfor last; do :; done\nbash "$last" >"$LOG" 2>&1\n')
    sbatch.chmod(0o755)
    log, asked = tmp_path / "a.log", tmp_path / "asked"
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "ASKED": str(asked), "LOG": str(log)}
    command = ["sh", "-c", 'echo "$1"; exit 4', "sh", "it's $HOME"]
    options = ["--gpu", "2", "--num_threads", "2", "--num_nodes", "3", "--time", "1:00:00"]
    done = run(root, "utils/slurm.pl", *options, str(log), *command, **environment)
    assert done.returncode == 4
    assert log.read_text() == "it's $HOME\n"
    assert asked.read_text().split() == [
        "--parsable", "--wait", "--export=ALL", f"--output={log}", f"--error={log}", "--ntasks-per-node=1",
        "--gpus-per-node=2", "--cpus-per-task=2", "--nodes=3", "--time=1:00:00", f"{log}.sbatch",
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["told", "left alone", "Ctrl-C"])
def test_slurm_pl_cancels_its_job(root, tmp_path, how):
    tools = {"sbatch": 'echo 17; touch "$DIR/submitted"; exec sleep 100', "scancel": 'echo "$@" >"$DIR/cancelled"'}
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DIR": str(tmp_path)}
    call = f"{'' if how == 'left alone' else 'exec'} utils/slurm.pl {tmp_path}/a.log true; true"
    caller = subprocess.Popen(
        ["sh", "-c", call], cwd=root, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until((tmp_path / "submitted").is_file)
    if how == "Ctrl-C":
        os.killpg(caller.pid, signal.SIGINT)  # of the terminal, to all in its foreground
    else:
        caller.send_signal(signal.SIGTERM if how == "told" else signal.SIGKILL)
    caller.wait()
    wait_until(lambda: (tmp_path / "cancelled").is_file() and (tmp_path / "cancelled").read_text() == "17\n")


def test_stage_16_uploads_one_package_or_says_what_is_missing(clone):
    stage = ("./run.sh", "--system", "music", "--stage", "16")
    asked = run(clone, *stage)
    assert "stage 16: neither --hf_repo nor --upload_dir is given: nothing is uploaded" in asked.stdout
    missing = run(clone, *stage, "--upload_dir", "out")
    assert missing.returncode == 2
    assert "error: stage 16 uploads one package; of music there are 0: run stage 15" in missing.stderr
    packages = clone / "exp/mini/packages"
    packages.mkdir(parents=True)
    (packages / "mini_music_seed1.zip").write_bytes(b"no package")
    broken = run(clone, *stage, "--upload_dir", "out")
    assert broken.returncode == 2
    assert "not a package" in broken.stderr
    (packages / "mini_music_seed2.zip").write_bytes(b"no package")
    two = run(clone, *stage, "--upload_dir", "out")
    assert "of music there are 2: exp/mini/packages/mini_music_seed1.zip" in two.stderr
