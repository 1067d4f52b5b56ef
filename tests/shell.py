"""The driver in a folder of its own, so that a test's data and results do not touch the repository's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def make_clone(root: Path, clone: Path) -> Path:
    """Copy the scripts, configurations and recipes; the package is linked in."""
    for name in ("local", "utils", "tools", "conf"):
        shutil.copytree(root / name, clone / name)
    for name in ("run.sh", "path.sh", "cmd.sh", "db.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy2(root / name, clone / name)
    shutil.copytree(root / "egs2", clone / "egs2", ignore=shutil.ignore_patterns("corpus"))
    (clone / "espnet_atat").symlink_to(root / "espnet_atat")
    return clone


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the Python of this test on the path."""
    base = {**os.environ, "ATAT_VENV": "none", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=base | environment,
    )
