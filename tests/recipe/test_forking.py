"""Jobs forked in place of ``run.pl``: the same log, the same end. Trainings in forks are in test_stages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.recipe import forking
from espnet_atat.recipe.forking import Fork
from espnet_atat.recipe.processes import child_environment
from tests.shell import kill_and_see_its_command_end, wait_until

TELLS = """
import os, sys
if __name__ == "__main__":
    print(*sys.argv[1:], os.environ["TOLD"], os.getcwd())
    print("in error", file=sys.stderr)
    os.system("echo from below")
    sys.exit(3)
"""
#: Starts a command that names itself in the file ``running``, and waits for it.
WAITS = """
import subprocess
told = "echo $$ >pid; mv pid running; exec sleep 100"
subprocess.run(["sh", "-c", told])
"""
STARTS = """
import sys
from pathlib import Path
from espnet_atat.recipe import forking
forking.PRELOADED = ()
if __name__ == "__main__":
    sys.path.insert(0, ".")
    forking.Fork("waits", [], Path("a.log"), {}).wait()
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that a fork can run, in the working directory."""
    monkeypatch.setattr(forking, "PRELOADED", ())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("tells", TELLS), ("waits", WAITS), ("starts", STARTS)):
        Path(f"{name}.py").write_text(text)


def test_a_fork_is_what_its_command_would_be(tmp_path: Path) -> None:
    fork = Fork("tells", ["a", "b  c"], Path("logs/a.log"), {"TOLD": "well"})
    assert fork.wait() == fork.poll() == 3
    head, started, _, *lines, end = Path("logs/a.log").read_text().splitlines()
    assert head == f"# {sys.executable} -m tells a 'b  c'"
    assert started.startswith("# Started at ")
    assert lines == [f"a b  c well {tmp_path}", "in error", "from below"]
    assert end.startswith("# Ended (code 3) at ")
    assert "TOLD" not in os.environ


def test_terminate_ends_what_it_started_too() -> None:
    fork = Fork("waits", [], Path("a.log"), {})
    assert fork.poll() is None
    wait_until(Path("running").is_file)
    command = Path("/proc", Path("running").read_text().strip())
    fork.terminate()
    assert fork.wait() == 143
    wait_until(lambda: not command.exists())
    assert "# Ended (code 143)" in Path("a.log").read_text()
    fork.terminate()  # of what has ended is nothing


def test_a_fork_ends_with_its_caller() -> None:
    caller = subprocess.Popen([sys.executable, "starts.py"], env=child_environment())
    kill_and_see_its_command_end(caller, Path("running"))


def test_a_log_that_cannot_be_written_is_named() -> None:
    Path("logs").touch()
    with pytest.raises(FileExistsError, match="logs"):
        Fork("tells", [], Path("logs/a.log"), {})


def test_a_process_that_cannot_fork_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise EOFError("unexpected EOF")

    monkeypatch.setattr(forking.multiprocessing.get_context("forkserver").Process, "start", fails)
    with pytest.raises(UserError, match=r"^a\.log: the process that starts jobs has died \(unexpected EOF\)"):
        Fork("tells", [], Path("a.log"), {})
