"""Transfer as systems say it, through ESPnet's own trainer: an ASR model's encoder, a kept audio encoder, replay."""

import json
import re
from pathlib import Path

import kaldiio
import pytest
import torch
import yaml

from espnet_atat.datadir import read_two_column
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.model.espnet import TransformerEncoder
from espnet_atat.text.vocabulary import Vocabulary
from tests.steps.world import make_world, run, training, write_recipe

PRETRAIN = """
pretrain: {config: pretrain, mixture: pretrain, options: {max_epoch: 1, cpu_processes: 1, audio_encoder_init: asr.pth,
  freeze_param: [audio_encoder.blocks]}}
"""
FILES = {
    "mixtures/audio": "train: [{task: slu, set: toy/audio}]\nvalid: [{task: slu, set: toy/audio}]\n",
    "mixtures/replay": """
train:
- {task: nlu, set: toy/new, weight: 4}
- {task: slu, set: toy/audio, weight: 1}       # replay: pretraining audio, a fifth of the examples drawn
valid: [{task: nlu, set: toy/new}, {task: slu, set: toy/audio}]
""",
    "rows/e2e": f"""
title: E2E from the pretrained audio encoder
{PRETRAIN}
finetune: {{config: finetune, mixture: audio, keep: [audio_encoder], options: {{text_encoder: null, freeze_param: [],
  scheduler_conf: {{warmup_steps: 1, unfreeze_steps: [2], multipliers: [0.0]}}, num_iters_per_epoch: 2}}}}
test: [{{set: toy/test, task: slu}}]
""",
    "rows/replay": f"""
title: zero-shot with replay, both labels
{PRETRAIN}
finetune: {{config: finetune, mixture: replay, options: {{freeze_param: [audio_encoder, text_encoder]}}}}
test: [{{set: toy/test, task: nlu+slu}}]
""",
    "tables/transfer.yaml": "title: transfer\nrows: {e2e, replay}\n",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Both systems trained, decoded and scored by the recipe."""
    root = tmp_path_factory.mktemp("transfer")
    make_world(root)
    write_recipe(root, "toy", FILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        torch.manual_seed(3)
        asr = TransformerEncoder(80, 16, num_blocks=1, attention_heads=2, linear_units=16).state_dict()
        torch.save({f"encoder.{name}": value for name, value in asr.items()}, "asr.pth")
        run("--table", "transfer", "--stop_stage", "13")
    return root


@pytest.mark.slow
def test_pretraining_starts_from_the_asr_models_blocks_and_e2e_from_its_audio_encoder_alone(finished, monkeypatch):
    monkeypatch.chdir(finished)
    final = training("e2e")
    before, after = (torch.load(step.model_file, weights_only=True) for step in final.chain)
    asr = torch.load("asr.pth", weights_only=True)
    blocks = {name: value for name, value in asr.items() if not name.startswith("encoder.embed.")}
    assert len(blocks) == 18
    for name, value in blocks.items():  # frozen, so as they came
        assert torch.equal(before[name.replace("encoder.", "audio_encoder.blocks.", 1)], value), name
    assert {name.split(".")[0] for name in after} == {"audio_encoder", "ctc", "decoder", "normalize"}
    for name, value in after.items():  # two updates with multiplier 0
        if name.startswith(("audio_encoder.", "normalize.")):
            assert torch.equal(value, before[name]), name
    fresh = Vocabulary.load(final.tokens.place / "tokens.txt")
    assert len(after["decoder.embed.0.pretrained"]) == len(fresh)
    first, saved = (yaml.safe_load((step.run.place / "config.yaml").read_text()) for step in final.chain)
    assert first["audio_encoder_init"] is None, "the checkpoint has the weights"
    assert saved["pretrained_parameters"] == ["audio_encoder"]
    assert saved["pretrained_vocabulary_size"] is None
    assert json.loads(Path("exp/toy/e2e/seed1/decode/test/metrics.json").read_text())["utterances"] == 3


@pytest.mark.slow
def test_replay_trains_on_both_and_both_labels_decode(finished, monkeypatch):
    monkeypatch.chdir(finished)
    final = training("replay")
    results = re.search(r"1epoch results: \[train\](.*?)\[valid\]", (final.run.place / "train.log").read_text())
    assert results is not None
    for task in ("nlu", "slu"):
        assert re.search(rf"loss_{task}=\d", results[1]), "trained on it"
    new = Vocabulary.load(final.tokens.place / "tokens.txt")
    assert new.extends(Vocabulary.load(final.first.tokens.place / "tokens.txt"))
    hyp = read_two_column(Path("exp/toy/replay/seed1/decode/test/hyp"))
    feats = {utt: kaldiio.load_mat(path) for utt, path in read_two_column(Path("dump/toy/test/feats.scp")).items()}
    files = final.run.place / "config.yaml", final.model_file
    both = Speech2Understand(*files, task="nlu+slu", beam_size=2, maxlen=12)
    assert {utt: both(matrix).line for utt, matrix in feats.items()} == hyp
    content = json.loads(Path("exp/toy/replay/seed1/decode/test/metrics.json").read_text())
    assert content["utterances"] == 3
