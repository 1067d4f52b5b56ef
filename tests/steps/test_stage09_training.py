"""What training says before it starts, and a fine-tuning that has nothing to freeze for."""

import pytest
import torch

from espnet_atat.steps.stage09_training import describe_shares
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
