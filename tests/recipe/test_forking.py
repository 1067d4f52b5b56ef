"""Jobs forked in place of ``run.pl``: the same log, the same end. Trainings in forks are in test_stages."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from espnet_atat.recipe import forking
from espnet_atat.recipe.forking import Fork
from espnet_atat.recipe.preloaded import preload
from espnet_atat.recipe.processes import child_environment

from espnet_atat.errors import UserError
from tests.shell import has_ended, kill_and_see_its_command_end, wait_until

TELLS = """
import multiprocessing, os, sys
if __name__ == "__main__":
    print(*sys.argv[1:], os.environ["TOLD"], os.getcwd())
    print(multiprocessing.get_start_method(), "\\udc80")
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
    head, started, process, *lines, end = Path("logs/a.log").read_text().splitlines()
    assert head == f"# {sys.executable} -m tells a 'b  c'"
    assert started.startswith("# Started at ")
    assert re.fullmatch(r"# Process \d+", process)
    plainly = f"{multiprocessing.get_start_method()} \\udc80"
    assert lines == [f"a b  c well {tmp_path}", plainly, "in error", "from below"]
    assert end.startswith("# Ended (code 3) at ")
    assert "TOLD" not in os.environ


def test_terminate_ends_what_it_started_too() -> None:
    fork = Fork("waits", [], Path("a.log"), {})
    assert fork.poll() is None
    command = what_it_runs()
    fork.terminate()
    assert fork.wait() == 143
    wait_until(lambda: has_ended(command))
    assert "# Ended (code 143)" in Path("a.log").read_text()
    fork.terminate()  # of what has ended is nothing


def test_a_fork_ends_with_its_caller() -> None:
    caller = subprocess.Popen([sys.executable, "starts.py"], env=child_environment())
    kill_and_see_its_command_end(caller, Path("running"))
    assert "# Ended (code 137)" in Path("a.log").read_text()


def test_it_ends_when_the_process_that_forked_it_does_and_another_can_be_forked() -> None:
    fork = Fork("waits", [], Path("a.log"), {})
    command = what_it_runs()
    found = re.search(r"# Process (\d+)", Path("a.log").read_text())
    assert found is not None
    status = Path("/proc", found[1], "status").read_text()
    os.kill(int(re.search(r"PPid:\s+(\d+)", status)[1]), signal.SIGKILL)
    wait_until(lambda: fork.poll() is not None)
    assert fork.wait() != 0
    wait_until(lambda: has_ended(command))
    assert Fork("tells", [], Path("b.log"), {"TOLD": "again"}).wait() == 3


def test_what_cannot_be_imported_beforehand_is_left_to_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("broken.py").write_text("raise TypeError('of another version')")
    monkeypatch.delitem(sys.modules, "tells", raising=False)
    preload(["broken", "nowhere", "tells"])
    assert "tells" in sys.modules


def what_it_runs() -> Path:
    """The process that ``waits`` has started."""
    wait_until(Path("running").is_file)
    return Path("/proc", Path("running").read_text().strip())


def test_a_log_that_cannot_be_written_is_named() -> None:
    Path("logs").touch()
    with pytest.raises(FileExistsError, match="logs"):
        Fork("tells", [], Path("logs/a.log"), {})


def test_a_process_that_cannot_be_forked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise EOFError("unexpected EOF")

    monkeypatch.setattr(forking.multiprocessing.get_context("forkserver").Process, "start", fails)
    with pytest.raises(UserError, match=r"^a\.log: the job could not be started \(unexpected EOF\)"):
        Fork("tells", [], Path("a.log"), {})
