"""A tiny recipe in a folder of its own: real features, real files, a model of some thousand parameters."""

import shutil
from pathlib import Path

from tests.toy import make_toy

PRETRAIN = """
input_size: 80
normalize: global_mvn
audio_encoder: transformer
audio_encoder_conf:
  output_size: 16
  cnn_channels: [4, 4]
  blocks_conf: {num_blocks: 1, attention_heads: 2, linear_units: 16}
text_encoder_conf:
  config:
    model_type: bert
    hidden_size: 16
    num_hidden_layers: 1
    num_attention_heads: 2
    intermediate_size: 16
    vocab_size: 90
    max_position_embeddings: 64
decoder_conf: {num_blocks: 1, attention_heads: 2, linear_units: 16}
ctc_unit: char
model_conf: {ctc_weight: 1.0}
optim_conf: {lr: 5.0e-3}
scheduler_conf: {warmup_steps: 2}
batch_bins: 400
text_batch_bins: 60
num_iters_per_epoch: 3
max_epoch: 2
num_workers: 0
use_matplotlib: false
use_tensorboard: false
best_model_criterion:
- [valid, acc, max]
keep_nbest_models: 1
"""
FINETUNE = """
scheduler_conf: {warmup_steps: 1, unfreeze_steps: [2], multipliers: [0.0]}
pretrained_parameters: [all]
max_epoch: 1
"""
FILES = {
    "conf/pretrain.yaml": PRETRAIN,
    "conf/finetune.yaml": FINETUNE,
    "conf/tokens.yaml": "bpe_size: 40\nwordpiece_size: 90\n",
    "conf/decode.yaml": "beam_size: 2\nmaxlen: 12\n",
    "conf/decode_tree.yaml": "beam_size: 2\nmaxlen: 12\nconstrain_trees: true\n",
    "conf/mixtures/pretrain.yaml": """
train:
- {task: slu, set: toy/audio, weight: 2}
- {task: asr, set: toy/audio, weight: 1}
- {task: nlu, set: toy/words, weight: 2}
valid:
- {task: slu, set: toy/audio}
- {task: nlu, set: toy/words}
""",
    "conf/mixtures/new_words.yaml": """
train: [{task: nlu, set: toy/new}]
valid: [{task: nlu, set: toy/new}]
""",
    "systems/old.yaml": """
title: the old domain
pretrain: {config: pretrain, mixture: pretrain}
decode: [decode, decode_tree]
dev: [{set: toy/words, task: nlu}]
test: [{set: toy/audio, task: slu}]
""",
    "systems/zeroshot.yaml": """
title: the new domain from text
pretrain: {config: pretrain, mixture: pretrain}
finetune: {config: finetune, mixture: new_words}
decode: [decode, decode_tree]
test: [{set: toy/audio, task: nlu}]
""",
    "tables/default.yaml": "title: the toy\nsystems: [old, zeroshot]\n",
}
NEW_TARGETS = {
    "n1": "[IN:ORDER order [SL:BOOK quartz vexes jim ] ]",
    "n2": "[IN:ORDER order the [SL:BOOK book ] ]",
    "n3": "[IN:RETURN return it ]",
}


def make_world(root: Path) -> None:
    """Write ``data/toy``, ``dump/toy`` and ``egs2/atat/toy`` below ``root``, the working directory."""
    from espnet_atat.datadir import DataDir, read_two_column
    from espnet_atat.semantics.tree import strip_tags

    toy = make_toy(root / "made")
    shutil.move(toy.dump, root / "dump")
    for kind in ("audio", "words"):
        scp = root / "dump/toy" / kind / "feats.scp"
        if scp.is_file():
            scp.write_text(scp.read_text().replace(str(toy.dump), "dump"))
            (scp.parent / "utt2num_frames").write_text("".join(f"{line.split()[0]} 1\n" for line in scp.open()))
    new = root / "dump/toy/new"
    DataDir(text={i: " ".join(strip_tags(t)) for i, t in NEW_TARGETS.items()}, target=NEW_TARGETS).write(new)
    for folder in (root / "dump/toy").iterdir():
        data = root / "data/toy" / folder.name
        data.mkdir(parents=True)
        for name in ("text", "target"):
            shutil.copyfile(folder / name, data / name)
    assert read_two_column(root / "data/toy/audio/target")
    write_recipe(root, "toy", FILES)


def write_recipe(root: Path, recipe: str, files: dict[str, str]) -> None:
    """Write a recipe's YAML files."""
    for name, content in files.items():
        path = root / "egs2/atat" / recipe / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
