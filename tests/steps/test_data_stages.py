"""Stages 1 to 6 of the recipes of real speech: prepared, augmented, aligned, masked, features computed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_atat.datadir import DataDir, read_two_column
from tests.corpora.conftest import write_an4, write_librispeech
from tests.spoken import spoken

pytestmark = pytest.mark.slow

#: Utterances of each set: of the corpus written from mini's recordings, and of the real ones below ATAT_CORPORA.
SETS = {
    ("librispeech", "written"): {"test_clean": 20},
    ("librispeech", "real"): {"test_clean": 47},
    ("an4", "written"): {"train": 35, "dev": 5, "test": 10},
    ("an4", "real"): {"train": 849, "dev": 99, "test": 130},
}
SCRIPTS = ("run.sh", "path.sh", "cmd.sh", "db.sh", "local", "utils", "tools", "conf", "egs2", "espnet_atat")
EXTRA = ("pyproject.toml", "constraints.txt")


@pytest.fixture
def tree(root, tmp_path) -> Path:
    """A working tree of its own: links to the code, no data."""
    for name in (*SCRIPTS, *EXTRA):
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


@pytest.fixture
def source(recipe, speech, tmp_path, request) -> dict[str, str]:
    """The variable that names the corpus's folder, and the folder."""
    if recipe == "librispeech":
        variable, name = "LIBRISPEECH", "LibriSpeech"
    else:
        variable, name = "AN4", "an4"
    if speech == "real":
        return {variable: str(request.getfixturevalue("real_corpus")(name))}
    folder, test = tmp_path / "written" / name, spoken("sentences_dev", 20, shortest=6)
    if recipe == "librispeech":
        write_librispeech(folder, "test-clean", test)
    else:
        write_an4(folder, {"train": spoken("sentences_train", 40, shortest=6), "test": test[:10]})
    return {variable: str(folder)}


@pytest.mark.parametrize(("recipe", "speech"), SETS)
def test_stages_1_to_6(recipe, speech, tree, source):
    environment = {**os.environ, "ATAT_VENV": "none", **source}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    command = ["./run.sh", "--recipe", recipe, "--stage", "1", "--stop_stage", "6", "--nj", "2"]
    if recipe == "librispeech":
        command += ["--augment_sets", "test_clean"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    words = aligned = 0
    for name, count in SETS[recipe, speech].items():
        report = json.loads((tree / f"exp/{recipe}/alignments/{name}.report.json").read_text())
        words, aligned = words + report["words"], aligned + report["words_aligned"]
        assert report["utterances"] == count
        assert not report["failed"]
        masked = json.loads((tree / f"data/{recipe}/{name}_mlm/report.json").read_text())
        assert masked["kept"] == count
        for made in (name, f"{name}_mlm"):
            assert len(DataDir.load(tree / f"dump/{recipe}/{made}")) == count
            assert len(read_two_column(tree / f"dump/{recipe}/{made}/feats.scp")) == count
    assert aligned >= 0.97 * words
    if recipe == "librispeech":
        assert len(read_two_column(tree / "dump/librispeech/test_clean_aug/feats.scp")) == 3 * count
    again = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    steps = [line for line in again.stdout.splitlines() if line.startswith("stage ") and ", " in line]
    assert steps
    assert all("done already, skipped" in line for line in steps if "was not prepared" not in line)
