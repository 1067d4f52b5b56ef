"""tools/install_extra.sh: what it refuses, before it changes anything."""

import subprocess
from pathlib import Path


def run(root: Path, venv: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "tools" / "install_extra.sh", *parts],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "ATAT_VENV": str(venv)},
    )


def test_an_unknown_part_is_refused_with_the_known_ones(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "minilm", "voices")
    assert done.returncode == 2
    assert done.stderr == "error: unknown part 'voices'; there are: tts minilm whisper vad\n"
    assert list(tmp_path.iterdir()) == []


def test_without_an_environment_it_says_how_to_make_one(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "tts")
    assert done.returncode == 2
    assert done.stderr == f"error: no environment at {tmp_path}; run tools/setup.sh first, or set ATAT_VENV\n"


def test_without_arguments_it_shows_its_use(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path)
    assert done.returncode == 2
    assert "tools/install_extra.sh whisper" in done.stderr
