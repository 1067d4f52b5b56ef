"""``tools/gpu_check.sh`` without a GPU: everything that it does on one, with a small model; and what it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu_check import updates_of
from tests.shell import program, run

ROOT = Path(__file__).parents[1]


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Call the script; it works in a new folder below ``folder``."""
    return run(ROOT, "tools/gpu_check.sh", *options, PYTHON=sys.executable, TMPDIR=str(folder))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_model_is_trained_killed_resumed_decoded_and_compared(tmp_path):
    done = check(tmp_path, "--cpu")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (place,) = re.findall(r"report and logs: (\S+)", done.stdout)
    figures = json.loads(Path(place, "report.json").read_text())
    assert figures["failed"] == []
    assert done.stdout.count("ok: ") == 6
    assert "ok: features: a killed training continues from its last epoch" in done.stdout
    assert figures["losses"]["cpu"] == figures["losses"]["cpu, float32"]  # on a CPU mixed precision is float32
    assert len(figures["losses"]["cpu"]) == 10
    for name in ("features", "audio"):
        assert figures[f"{name}: updates"] == 12
        assert 0 <= figures[f"{name}: share of time waiting for data"] < 1
        # Commands and sentences of 2 to 3 s, and as many texts as either: about 1.5 s a row.
        speed = figures[f"{name}: audio-seconds a second"] / figures[f"{name}: utterances a second"]
        assert 0.5 < speed < 3


def test_without_a_gpu_or_torch_it_says_so(tmp_path):
    torchless = program(tmp_path / "python", "exit 1")
    done = run(ROOT, "tools/gpu_check.sh", PYTHON=str(torchless))
    assert (done.returncode, done.stderr) == (2, f"error: {torchless} has no torch; name one that has by PYTHON\n")


def test_of_updates_that_a_resumed_run_repeats_the_last_one_counts(tmp_path):
    line = "[host] (trainer:816) INFO: {}epoch:train:{}-{}batch: iter_time=1e-04, loss_att=9.9loss={}grad_norm=1.0\n"
    lines = [(1, 1, 5.0), (1, 2, 4.5), (2, 1, 4.0), (2, 1, 4.25), (2, 2, "nan")]
    (tmp_path / "train.log").write_text("".join(line.format(e, b, b, loss) for e, b, loss in lines))
    assert [str(loss) for loss in updates_of(tmp_path)] == ["5.0", "4.5", "4.25", "nan"]
