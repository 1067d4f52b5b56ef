"""Stage 9 from what stage 6 has left, or by ESPnet's own reading; what training says before it starts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from espnet_atat.data.epoch_plan import MODALITIES
from espnet_atat.data.mixture import describe_shares
from espnet_atat.graph.digest import SUMS_FILE
from espnet_atat.speech.feature_sums import FeatureSums
from espnet_atat.steps import stage09_training
from espnet_atat.train.transfer import OLD_ROWS
from tests.steps.world import run, training, write_recipe

KNOWN = """
title: fine-tuning on words that pretraining knows
pretrain: {config: pretrain, mixture: pretrain, options: {cpu_processes: 1, max_epoch: 1}}
finetune:
  config: finetune
  mixture: {train: [{task: nlu, set: toy/words}], valid: [{task: nlu, set: toy/words}]}
  options:
    num_iters_per_epoch: 2
    scheduler_conf: {warmup_steps: 1, unfreeze_steps: [2, 2], multipliers: [0.0, 0.5]}
test: [{set: toy/test, task: nlu}]
"""
NAMES = [f"{split}/{modality}_shape" for split in ("train", "valid") for modality in MODALITIES]


def collected() -> tuple[dict[str, bytes], FeatureSums]:
    """Shapes and sums that stage 9 makes."""
    run("--system", "old", "--stop_stage", "9", "--force")
    folder = training("old").statistics.place / "stats"
    return {name: (folder / name).read_bytes() for name in NAMES}, FeatureSums.load(folder / "train" / SUMS_FILE)


@pytest.mark.usefixtures("world")
def test_a_dump_without_sums_is_read_by_espnet_and_gives_the_same(monkeypatch):
    called, call_task = [], stage09_training.call_task
    monkeypatch.setattr(stage09_training, "call_task", lambda options: called.append(options) or call_task(options))
    shapes, sums = collected()
    assert not called
    Path("dump/toy/audio", SUMS_FILE).unlink()
    shapes_read, read = collected()
    assert len(called) == 1
    assert shapes_read == shapes
    assert read.count == sums.count
    np.testing.assert_allclose(read.sum, sums.sum, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(read.sum_square, sums.sum_square, rtol=1e-5)


def test_a_tasks_share_is_that_of_all_its_groups(tmp_path):
    (tmp_path / "groups").write_text("nlu-b 9.5\nasr-a 30\nslu-b 40\nslu.nlu-b 10\nasr-c 10.5\n")
    assert describe_shares(tmp_path / "groups") == "asr 40.5 %, slu 50.0 %, nlu 9.5 %"


@pytest.mark.slow
def test_without_new_rows_training_begins_at_once_and_says_so(world, capsys):
    write_recipe(world, "toy", {"rows/known": KNOWN})
    run("--system", "known", "--stage", "7", "--stop_stage", "11")
    assert "share of the examples drawn: asr 20.0 %, slu 40.0 %, nlu 40.0 %\n" in capsys.readouterr().out
    final = training("known")
    assert "the freeze of 2 updates is skipped" in (final.run.place / "train.log").read_text()
    before, after = (torch.load(step.model_file, weights_only=True)[OLD_ROWS] for step in final.chain)
    assert not torch.equal(before, after), "its two updates would have been frozen"
