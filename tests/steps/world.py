"""A tiny recipe in a folder of its own: real features, real files, a model of some thousand parameters."""

import argparse
import textwrap
from collections.abc import Mapping
from pathlib import Path

import kaldiio
import numpy as np
import soundfile
import yaml

from espnet_atat.bin.run import main
from espnet_atat.config.selection import Selection, add_selection, select
from espnet_atat.datadir import DataDir, read_two_column, write_two_column
from espnet_atat.graph.digest import SUMS_FILE
from espnet_atat.semantics.tree import strip_tags
from espnet_atat.speech.feature_sums import FeatureSums
from espnet_atat.steps.plan import Training
from espnet_atat.steps.systems import Trial, model_of, plan_system

PRETRAIN = """
input_size: 80
normalize: global_mvn
audio_encoder: transformer
audio_encoder_conf:
  {output_size: 16, cnn_channels: [4, 4], blocks_conf: {num_blocks: 1, attention_heads: 2, linear_units: 16}}
text_encoder_conf:
  config: {model_type: bert, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16,
    vocab_size: 90, max_position_embeddings: 64}
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
cpu_processes: 2
use_matplotlib: false
use_tensorboard: true
best_model_criterion: [[valid, acc, max]]
keep_nbest_models: 1
"""
FINETUNE = """
scheduler_conf: {warmup_steps: 1, unfreeze_steps: [2], multipliers: [0.0]}
pretrained_parameters: [all]
cpu_processes: 1
max_epoch: 1
"""
FILES = {
    "conf/pretrain.yaml": PRETRAIN,
    "conf/finetune.yaml": FINETUNE,
    "conf/tokens.yaml": "bpe_size: 40\nwordpiece_size: 90\n",
    "conf/decode.yaml": "beam_size: 2\nmaxlen: 12\n",
    "conf/decode_tree.yaml": "beam_size: 2\nmaxlen: 12\nconstrain_trees: true\n",
    "mixtures/pretrain": """
valid: [{task: slu, set: toy/audio}, {task: nlu, set: toy/words}]
train:
- {task: slu, set: toy/audio, weight: 2}
- {task: asr, set: toy/audio, weight: 1}
- {task: nlu, set: toy/words, weight: 2}
""",
    "mixtures/new_words": """
train: [{task: nlu, set: toy/new}]
valid: [{task: nlu, set: toy/new}]
""",
    "rows/old": """
title: the old domain
pretrain: {config: pretrain, mixture: pretrain}
decode: [decode, decode_tree]
dev: [{set: toy/words, task: nlu}]
test: [{set: toy/test, task: slu}]
""",
    "rows/zeroshot": """
title: the new domain from text
pretrain: {config: pretrain, mixture: pretrain}
finetune: {config: finetune, mixture: new_words}
decode: [decode, decode_tree]
test: [{set: toy/test, task: nlu}]
""",
    "tables/default.yaml": "title: the toy\nrows: {old, zeroshot}\n",
}
#: Of a language model, small and soon trained.
LM = """
{lm: seq_rnn, lm_conf: {unit: 8, nlayers: 1}, optim: adam, batch_type: numel, batch_bins: 50, max_epoch: 2,
num_workers: 0, use_matplotlib: false, use_tensorboard: false, best_model_criterion: [[valid, loss, min]],
keep_nbest_models: 1}
"""
TARGETS = [
    "[IN:PLAY play [SL:SONG paper moon ] ]",
    "[IN:STOP stop ]",
    "[IN:PLAY play [SL:SONG the rain song ] [SL:TIME now ] ]",
    "[IN:OPEN open [SL:BOOK [IN:FIND the book by [SL:AUTHOR ann ] ] ] ]",
    "[IN:VOLUME turn it [SL:DIRECTION up ] ]",
    "[IN:PLAY ann will play it [SL:TIME later ] ]",
]
NEW_TARGETS = [
    "[IN:ORDER order [SL:BOOK quartz vexes jim ] ]",
    "[IN:ORDER order the [SL:BOOK book ] ]",
    "[IN:RETURN return it ]",
]


def make_world(root: Path) -> None:
    """Write ``data/toy``, ``dump/toy`` and ``egs2/atat/toy`` below ``root``, which is to be the working directory."""
    trees = {f"spk-{number}": tree for number, tree in enumerate(TARGETS)}
    new = {f"n{number}": tree for number, tree in enumerate(NEW_TARGETS)}
    tests = {f"t{number}": tree for number, tree in enumerate(TARGETS[:3])}
    for name, targets in {"audio": trees, "words": trees, "new": new, "test": tests}.items():
        write_set(root / "data/toy" / name, targets)
        write_set(root / "dump/toy" / name, targets)
    write_features(root, "dump/toy/audio", trees)
    write_features(root, "dump/toy/test", tests)
    write_recipe(root, "toy", FILES)


def write_set(folder: Path, targets: Mapping[str, str], *, trees: bool = True) -> None:
    """Write a set of trees, or of their words alone."""
    text = {utt: " ".join(strip_tags(tree)) for utt, tree in targets.items()}
    DataDir(text=text, target=dict(targets) if trees else None).write(folder)


def prepare(root: Path, name: str, *, audio: bool = True, trees: bool = True) -> None:
    """Lay down a dumped set ``recipe/name`` of the toy's commands."""
    targets = {f"u{number}": tree for number, tree in enumerate(TARGETS)}
    write_set(root / "dump" / name, targets, trees=trees)
    if audio:
        write_features(root, f"dump/{name}", targets)


def write_features(root: Path, folder: str, utterances: Mapping[str, str], seed: int = 0) -> None:
    """Random features, 8 frames a word, as stage 6 lays them down."""
    rng = np.random.default_rng(seed)
    (root / folder / "data").mkdir()
    feats = {utt: rng.normal(size=(8 * len(strip_tags(tree)), 80)) for utt, tree in utterances.items()}
    ark = root / folder / "data/feats.0000.ark"
    with kaldiio.WriteHelper(f"ark,scp:{ark},{root / folder / 'absolute.scp'}") as writer:
        for utt, matrix in feats.items():
            writer(utt, matrix.astype(np.float32))
    scp = read_two_column(root / folder / "absolute.scp")
    write_two_column(root / folder / "feats.scp", {utt: path.removeprefix(f"{root}/") for utt, path in scp.items()})
    write_two_column(root / folder / "utt2num_frames", {utt: str(len(matrix)) for utt, matrix in feats.items()})
    sums = (FeatureSums.of(matrix.astype(np.float32)) for matrix in feats.values())
    sum(sums, FeatureSums()).save(root / folder / SUMS_FILE)


def read_audio_in_place(root: Path, name: str) -> None:
    """Noise in place of a dump dir's features, as ``--feats_type raw`` lays it down."""
    folder = root / "dump/toy" / name
    rng = np.random.default_rng(0)
    frames = read_two_column(folder / "utt2num_frames")
    samples = {utt_id: 240 + 160 * int(count) for utt_id, count in frames.items()}
    for utt_id, count in samples.items():
        soundfile.write(folder / f"{utt_id}.wav", rng.normal(0, 0.1, count), 16_000)
    write_two_column(folder / "wav.scp", {utt_id: f"dump/toy/{name}/{utt_id}.wav" for utt_id in samples})
    write_two_column(folder / "utt2num_samples", {utt_id: str(count) for utt_id, count in samples.items()})
    (folder / "feats.scp").unlink()
    (folder / "utt2num_frames").unlink()
    (folder / SUMS_FILE).unlink()


def write_recipe(root: Path, recipe: str, files: Mapping[str, str]) -> None:
    """Write a recipe's YAML files; ``rows/NAME`` is a row, in a table file of its own, ``mixtures/NAME`` a mixture,
    ``recipe.yaml`` further keys of the recipe."""
    folder = root / "egs2/atat" / recipe
    main = folder / "recipe.yaml"
    content = yaml.safe_load(main.read_text(encoding="utf-8")) if main.is_file() else {"corpus": "nowhere"}
    for name, text in files.items():
        kind, _, own = name.partition("/")
        path = folder / name
        if name == "recipe.yaml":  # further keys
            content |= yaml.safe_load(text)
            continue
        if kind == "mixtures":
            content.setdefault(kind, {})[own] = yaml.safe_load(text)
            continue
        if kind == "rows":
            path = row_file(root, recipe, own)
            text = f"title: {own}\nrows:\n  {own}:\n{textwrap.indent(text, '    ')}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    main.write_text(yaml.safe_dump(content, sort_keys=False, default_flow_style=None), encoding="utf-8")


def row_file(root: Path, recipe: str, name: str) -> Path:
    """Where ``write_recipe`` writes a row."""
    return root / "egs2/atat" / recipe / f"tables/of_{name}.yaml"


def run(*options: str) -> None:
    """Stages 7 to 14 of the recipe ``toy``, unless the options say otherwise: its sets are prepared, its corpus is not
    there."""
    main(["--recipe", "toy", "--stage", "7", "--stop_stage", "14", *options])


def selected(*options: str) -> Selection:
    """What options select."""
    parser = argparse.ArgumentParser()
    add_selection(parser)
    return select(parser.parse_args(["--recipe", "toy", *options]))


def planned(system: str, *options: str) -> Trial:
    """A row with its first seed, as the options change it."""
    selection = selected("--system", system, *options)
    (row,) = selection.systems
    return plan_system(row, selection.seeds_of(row)[0], selection.fold)


def training(system: str, *options: str) -> Training:
    """The last phase of a row's model."""
    return model_of(planned(system, *options))
