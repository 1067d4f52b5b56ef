"""What CI and the pre-commit hook run: one script of checks, and real corpora where there are some."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.shell import program

STUBS = tuple(f"tools/{name}.sh" for name in ("setup", "install_extra", "install_browser", "install_slurm", "check"))
STUBS = (*STUBS, "tests/run.sh")


def stub(path: Path, text: str = "") -> None:
    """A program that notes how it was called, and with which real corpora."""
    program(path, f'echo "{path.name} $*" "corpora=${{ATAT_CORPORA-unset}}" >>"$CALLS"\n{text}')


def calls_of(script: Path, folder: Path, **environment: str) -> tuple[int, list[str], str]:
    """Exit code, what it called, and its errors."""
    calls = folder / "calls"
    calls.touch()
    base = {name: value for name, value in os.environ.items() if not name.startswith("ATAT_")} | {"CALLS": str(calls)}
    done = subprocess.run([script], capture_output=True, text=True, check=False, env=base | environment)
    return done.returncode, calls.read_text().splitlines(), done.stderr


@pytest.fixture
def clone(root, tmp_path) -> Path:
    """A repository in which .ci/run calls stubs."""
    clone = tmp_path / "clone"
    for name in STUBS:
        stub(clone / name)
    stub(clone / "tools/setup.sh", '[ "$1" != --print_key ] || echo 0123')
    (clone / "path.sh").touch()
    (clone / ".ci").mkdir()
    (clone / ".ci/run").write_bytes((root / ".ci/run").read_bytes())
    (clone / ".ci/run").chmod(0o755)
    return clone


def test_ci_checks_and_then_tests_and_names_an_extra_that_it_lacks(clone, tmp_path):
    code, calls, _ = calls_of(clone / ".ci/run", tmp_path)
    assert code == 0
    assert [call.partition(" ")[0] for call in calls[-2:]] == ["check.sh", "run.sh"]
    stub(clone / "tools/check.sh", "exit 1")
    code, calls, _ = calls_of(clone / ".ci/run", tmp_path)
    assert code == 1
    assert calls[-1].startswith("check.sh")
    stub(clone / "tools/check.sh")
    stub(clone / "tools/install_extra.sh", '[ "$1" != minilm ]')
    code, calls, errors = calls_of(clone / ".ci/run", tmp_path)
    assert (code, calls[-1].partition(" ")[0]) == (0, "run.sh")
    assert re.findall(r"EXTRA '(\w+)'", errors) == ["minilm"]


@pytest.mark.parametrize(
    ("there", "given", "seen"),
    [(False, None, "unset"), (True, None, "{tmp_path}/shared/data"), (True, "/mine", "/mine"), (True, "", "")],
)
def test_real_corpora_are_those_beside_the_repository_unless_named(clone, tmp_path, there, given, seen):
    if there:
        (tmp_path / "shared/data").mkdir(parents=True)
    _, calls, _ = calls_of(clone / ".ci/run", tmp_path, **({} if given is None else {"ATAT_CORPORA": given}))
    assert calls[-1] == f"run.sh  corpora={seen.format(tmp_path=tmp_path)}"


def test_a_test_of_a_real_corpus_is_skipped_where_there_is_none(real_corpus, tmp_path, monkeypatch):
    monkeypatch.delenv("ATAT_CORPORA", raising=False)
    with pytest.raises(pytest.skip.Exception, match="an4 below ATAT_CORPORA, which is not set"):
        real_corpus("an4")
    (tmp_path / "top").mkdir()
    monkeypatch.setenv("ATAT_CORPORA", os.path.relpath(tmp_path))
    assert real_corpus("top") == tmp_path / "top"
    with pytest.raises(pytest.skip.Exception, match="an4, which is not below"):
        real_corpus("an4")
    monkeypatch.setenv("ATAT_CORPORA", str(tmp_path / "gone"))
    with pytest.raises(pytest.fail.Exception, match="gone: no such folder"):
        real_corpus("an4")


def test_the_workflow_calls_ci_with_the_environment_kept_under_its_key(root):
    (job,) = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())["jobs"].values()
    steps = {step.get("uses", step.get("run", "")).partition("@")[0]: step for step in job["steps"]}
    first, *_, last = steps
    assert (first, last) == ("actions/checkout", ".ci/run")
    version = steps["actions/setup-python"]["with"]["python-version-file"]
    assert (root / version).read_text() == "3.12\n"
    key = next(step for run, step in steps.items() if "tools/setup.sh --print_key" in run)
    assert f"steps.{key['id']}.outputs.key" in steps["actions/cache"]["with"]["key"]
    assert steps["actions/cache"]["with"]["path"] == "~/.cache/atat"


def test_the_hook_runs_the_checks_of_ci_and_fetches_nothing(root):
    (repository,) = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repository["hooks"]
    assert (repository["repo"], hook["language"]) == ("local", "system")
    assert hook["entry"] == "tools/check.sh"
    assert "\ntools/check.sh\n" in (root / ".ci/run").read_text()
    for name in (".ci/run", "pyproject.toml", "tools/check.sh", "utils/atat", "tests/test_ci.py"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "README.md")


def test_a_check_that_fails_keeps_no_other_from_running(root, tmp_path):
    for name, end in (("ruff", "exit 1"), ("mypy", ""), ("shellcheck", "")):
        stub(tmp_path / "bin" / name, end)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    code, calls, errors = calls_of(root / "tools/check.sh", tmp_path, ATAT_VENV="none", PATH=path)
    names = [" ".join(call.split()[:2]) for call in calls]
    assert names == ["ruff check", "ruff format", "mypy corpora=unset", "shellcheck -x"]
    assert all(name in calls[3].split() for name in (".ci/run", "run.sh", "tools/check.sh", "utils/atat"))
    assert (code, errors) == (1, "failed: lint format\n")
    code, _, errors = calls_of(root / "tools/check.sh", tmp_path, ATAT_VENV=str(tmp_path / "gone"))
    assert (code, "run tools/setup.sh, or name one by ATAT_VENV" in errors) == (2, True)
