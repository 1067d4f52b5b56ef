"""Stage 9: from what stage 6 has left, or by ESPnet's own reading; the same either way."""

from pathlib import Path

import numpy as np
import pytest

from espnet_atat.speech.feature_sums import FILE, FeatureSums
from espnet_atat.steps import stage09_training
from tests.steps.world import run, training

NAMES = [f"{split}/{modality}_shape" for split in ("train", "valid") for modality in stage09_training.MODALITIES]


def collected() -> tuple[dict[str, bytes], FeatureSums]:
    """Shapes and sums that stage 9 makes."""
    run("--system", "old", "--stop_stage", "9", "--force")
    folder = training("old").statistics.place / "stats"
    return {name: (folder / name).read_bytes() for name in NAMES}, FeatureSums.load(folder / "train" / FILE)


@pytest.mark.usefixtures("world")
def test_a_dump_without_sums_is_read_by_espnet_and_gives_the_same(monkeypatch):
    called, call_task = [], stage09_training.call_task
    monkeypatch.setattr(stage09_training, "call_task", lambda options: called.append(options) or call_task(options))
    shapes, sums = collected()
    assert not called
    Path("dump/toy/audio", FILE).unlink()
    shapes_read, read = collected()
    assert len(called) == 1
    assert shapes_read == shapes
    assert read.count == sums.count
    np.testing.assert_allclose(read.sum, sums.sum, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(read.sum_square, sums.sum_square, rtol=1e-5)
