"""run.sh and the scripts that it needs; in a copy of the repository's shell part where something is made."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.shell import environment_of, make_clone, processes_in, program, run, wait_until
from tests.steps.corpora import write_table


@pytest.fixture
def clone(root, tmp_path):
    """The scripts and recipes in a folder of their own, with the package linked in."""
    return make_clone(root, tmp_path / "clone")


def test_shell_is_thin(root):
    scripts = [root / "run.sh", *(root / "local").glob("*.sh"), *root.glob("egs2/atat/*/run.sh")]
    assert len((root / "run.sh").read_text().splitlines()) <= 80
    for script in scripts[1:]:
        (command,) = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
        assert command.startswith("exec ")
        own = "" if script.parent.name == "local" else f'run.sh" --recipe {script.parent.name} '
        assert command.endswith(f'{own}"$@"')


def test_help_a_mistake_and_a_dry_run_make_neither_environment_nor_data(clone):
    done = run(clone, "egs2/atat/fsc/run.sh", "--help", ATAT_VENV=str(clone / "venv"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ./run.sh [-h] [--recipe RECIPE]")
    assert not (clone / "venv").exists()
    done = run(clone, "./run.sh", "--recipes", "mini")  # a mistake ends all of it
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: unrecognized arguments: --recipes mini; see ./run.sh --help\n"
    done = run(clone, "egs2/atat/custom/run.sh", "--dry_run", CUSTOM=str(clone))
    assert done.returncode == 0, done.stderr
    assert "data/custom/prepared: to be made" in done.stdout
    assert "exp/custom/tables/default.json: to be made" in done.stdout
    done = run(clone, "./run.sh", "--dry_run", ATAT_VENV=str(clone / "venv"))
    assert (done.returncode, "there is no environment yet" in done.stdout) == (0, True)
    assert not any((clone / name).exists() for name in ("data", "dump", "exp", "venv"))


def test_what_is_missing_is_said(clone):
    done = run(clone, "./run.sh", "--recipe", "fsc")
    assert done.returncode == 2
    assert "or set FSC in db.sh to its folder" in done.stderr
    done = run(clone, "./run.sh", "--recipe", "fsc", FSC="/nonexistent/fsc")
    assert done.returncode == 2
    assert "error: /nonexistent/fsc: not there; Fluent Speech Commands is behind a form" in done.stderr
    stage = ("./run.sh", "--system", "music", "--stage", "16")
    asked = run(clone, *stage)
    assert "stage 16: neither --hf_repo nor --upload_dir is given: nothing is uploaded" in asked.stdout
    missing = run(clone, *stage, "--upload_dir", "out")
    assert missing.returncode == 2
    assert "run stage 15" in missing.stderr


@pytest.fixture
def begin(clone, tmp_path) -> Iterator:
    """A function that starts the data stages of ``custom``, whose preparation waits for a file ``go``."""
    started, table = [], write_table(tmp_path)
    module = clone / "waits.py"
    module.write_text(
        "import sys, time\nfrom pathlib import Path\nfrom espnet_atat.bin import main_guard, prepare\n"
        "def main(_):\n    Path('waiting').touch()\n    [time.sleep(0.1) for _ in iter(Path('go').exists, True)]\n"
        "if __name__ == '__main__':\n    sys.exit(main_guard(main))\n"
    )
    script = clone / "egs2/atat/custom/local/data.sh"
    script.write_text(script.read_text().replace("\nprepare\n", '\n"${python}" waits.py\nprepare\n'))

    def begin() -> subprocess.Popen[str]:
        call = ["./run.sh", "--recipe", "custom", "--system", "small", "--stop_stage", "6", "--nj", "2"]
        options = {"cwd": clone, "env": environment_of(CUSTOM=str(table)), "text": True, "start_new_session": True}
        # As in a terminal; tests that run in the background of a script inherit that it is ignored.
        options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        started.append(subprocess.Popen(call, **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_call_that_is_ended_leaves_no_process_and_the_next_one_goes_on(how, begin, clone):
    first = begin()
    wait_until((clone / "waiting").is_file, 60)
    if how == signal.SIGTERM:
        second = begin()
        message = second.communicate(timeout=60)[1]
        assert second.returncode == 2
        assert "error: data/custom/prepared is being made by process " in message
        assert "wait until it ends" in message
    if how == signal.SIGINT:
        os.killpg(first.pid, how)  # of the terminal, to all in its foreground
    else:
        first.send_signal(how)
    assert first.wait(20) in (130, -how)
    wait_until(lambda: not processes_in(clone))
    assert not (clone / "data/custom/prepared").exists()
    (clone / "go").touch()
    third = begin()
    printed, errors = third.communicate(timeout=120)
    assert third.returncode == 0, errors
    assert "finished in " in printed
    assert (clone / "dump/custom/train/feats.scp").is_file()


def test_run_pl_logs_a_command_and_gives_its_code(root, tmp_path):
    log = tmp_path / "logs/a.log"
    command = ["sh", "-c", 'echo "$1"; echo err >&2; exit 3', "sh", "a b  $HOME"]
    done = run(root, "utils/run.pl", "--gpu", "0", str(log), *command)
    assert done.returncode == 3
    lines = log.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["a b  $HOME", "err"]
    assert lines[-1].startswith("# Ended (code 3)")
    assert run(root, "utils/run.pl", str(log), "true").returncode == 0
    assert run(root, "utils/run.pl", str(log), "no-such-command").returncode == 127
    assert "unknown option --jobs" in run(root, "utils/run.pl", "--jobs", "3", str(log), "true").stderr


def test_slurm_pl_asks_for_what_it_is_told_and_gives_the_code(root, tmp_path):
    # Does what sbatch --wait does, on this machine: the last argument is the script, --output names its log.
    body = 'echo 17\necho "$@" >"$ASKED"\nfor last; do :; done\nbash "$last" >"$LOG" 2>&1'
    program(tmp_path / "bin/sbatch", body)
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
        program(tmp_path / name, body)
    options = {"env": {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DIR": str(tmp_path)}, "cwd": root}
    call = ["sh", "-c", f"{'' if how == 'left alone' else 'exec'} utils/slurm.pl {tmp_path}/a.log true; true"]
    caller = subprocess.Popen(call, **options, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until((tmp_path / "submitted").is_file)
    if how == "Ctrl-C":
        os.killpg(caller.pid, signal.SIGINT)  # of the terminal, to all in its foreground
    else:
        caller.send_signal(signal.SIGTERM if how == "told" else signal.SIGKILL)
    caller.wait()
    wait_until(lambda: (tmp_path / "cancelled").is_file() and (tmp_path / "cancelled").read_text() == "17\n")
