"""SpecAugment, ESPnet's own, is an option of the task: what it hides, measured."""

from pathlib import Path

import pytest
import torch

from espnet_atat.config.layout import load_config
from espnet_atat.model.build import CLASSES
from espnet_atat.model.light_import import load_class


@pytest.mark.parametrize("name", ["egs2/atat/mini/conf/pretrain.yaml"])
def test_the_configured_widths_bound_what_is_hidden(name, root, monkeypatch):
    monkeypatch.chdir(root)
    conf = load_config(Path(name))
    specaug = load_class(CLASSES["specaug"][conf["specaug"]])(**conf["specaug_conf"])
    torch.manual_seed(0)
    feats = torch.ones(50, 200, 80)  # (B, T, F)
    hidden = specaug(feats, torch.full((50,), 200))[0] == 0
    frequencies, frames = hidden.all(dim=1).sum(dim=1), hidden.all(dim=2).sum(dim=1)  # (B,) each
    options = conf["specaug_conf"]
    assert 0 < frequencies.max() <= options["num_freq_mask"] * options["freq_mask_width_range"][1]
    assert 0 < frames.max() <= options["num_time_mask"] * options["time_mask_width_range"][1]
