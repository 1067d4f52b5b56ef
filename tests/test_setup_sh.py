"""tools/setup.sh up to where it would call pip: choosing an interpreter, and what it makes of what is there."""

import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.shell import program

BASE_PYTHON = Path(sysconfig.get_config_var("BINDIR")) / f"python{sys.version_info.major}.{sys.version_info.minor}"


def setup(root, *arguments, **environment):
    """Run the script with nothing but /usr/bin and /bin on the path, and no pyenv."""
    base = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYENV_ROOT": "/nonexistent"}
    return subprocess.run([root / "tools/setup.sh", *arguments], capture_output=True, text=True, env=base | environment)


def test_a_shim_that_fails_is_passed_over(root, tmp_path):
    program(tmp_path / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    program(tmp_path / "python3.13", f'exec {BASE_PYTHON} "$@"')
    found = setup(root, "--find_python", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert "passed over: python3.12 does not run" in found.stderr
    assert subprocess.check_output([found.stdout.strip(), "-c", "print(1)"], text=True) == "1\n"
    assert f"Python {sys.version.split()[0]} at" in found.stderr
    found = setup(root, "--find_python", PATH=f"{tmp_path}:/usr/bin:/bin", PYTHON=str(BASE_PYTHON))
    assert (found.returncode, "passed over" in found.stderr) == (0, False)  # the user's own choice comes first


def test_an_old_python_is_passed_over_and_pyenv_is_looked_into(root, tmp_path):
    old = program(tmp_path / "old/python", "echo 'is Python 3.9.1'")  # what the question to an old one prints
    program(tmp_path / "pyenv/versions/3.12.9/bin/python", f'exec {BASE_PYTHON} "$@"')
    for name in ("python3.12", "python3.13", "python3.14", "python3"):
        (tmp_path / "old" / name).symlink_to(old)
    found = setup(root, "--find_python", PATH=f"{tmp_path}/old:/usr/bin:/bin", PYENV_ROOT=f"{tmp_path}/pyenv")
    assert "passed over: python3 is Python 3.9.1" in found.stderr
    assert found.returncode == 0
    found = setup(root, "--find_python", PATH=f"{tmp_path}/old:/usr/bin:/bin")
    if found.returncode:  # this machine has none where the script also looks
        assert "error: no Python 3.12 or newer found" in found.stderr
        assert "uv python install 3.12" in found.stderr


def test_the_key_is_of_dependencies_and_not_of_lint_settings(root, tmp_path):
    for name in ("pyproject.toml", "constraints.txt", "tools/setup.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "tools/setup.sh").chmod(0o755)
    key = setup(tmp_path, "--print_key").stdout
    assert key == setup(root, "--print_key").stdout
    project = tmp_path / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 120", "line-length = 121"))
    assert setup(tmp_path, "--print_key").stdout == key
    project.write_text(project.read_text().replace('"espnet>=', '"espnet>2,>='))
    assert setup(tmp_path, "--print_key").stdout != key


def test_a_finished_environment_is_left_as_it_is(root, tmp_path):
    venv.create(tmp_path / "v", with_pip=False)
    (tmp_path / "v/.complete").write_text(setup(root, "--print_key").stdout)
    done = setup(root, ATAT_VENV=str(tmp_path / "v"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert setup(root, "--check", ATAT_VENV=str(tmp_path / "v")).returncode == 0
    (tmp_path / "v/bin/python").unlink()  # the interpreter was removed since
    assert setup(root, "--check", ATAT_VENV=str(tmp_path / "v")).returncode == 1


def test_a_folder_that_is_not_ours_is_not_touched(root, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v/thesis.tex").write_text("dear")
    done = setup(root, ATAT_VENV=str(tmp_path / "v"))
    assert done.returncode == 2
    assert "was not made by tools/setup.sh: delete it, or name another place by ATAT_VENV" in done.stderr
    assert [path.name for path in (tmp_path / "v").iterdir()] == ["thesis.tex"]


def test_constraints_name_every_direct_dependency_in_one_version(root):
    lines = (root / "constraints.txt").read_text().splitlines()
    pinned = [line.partition("==") for line in lines if not line.startswith("#")]
    assert all(equals and version for _, equals, version in pinned)
    names = {canonicalize_name(name) for name, _, _ in pinned}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    assert {canonicalize_name(Requirement(each).name) for each in wanted} <= names
