"""Trainings of the toy world through ``ATATTask.main``, in this process; imports torch and ESPnet."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from espnet_atat.data.mixture import stream_options
from espnet_atat.tasks.atat import ATATTask
from tests.toy import Toy, write_toy_mixture

SETS = {"slu": "audio", "asr": "audio", "mlm": "audio_mlm", "nlu": "words"}
FOUR_TASKS = [{"task": task, "set": f"toy/{name}"} for task, name in SETS.items()]

#: A real model of some 50 thousand parameters, without dropout.
CONFIG: dict[str, Any] = yaml.safe_load("""
input_size: 80
audio_encoder: transformer
audio_encoder_conf:
  output_size: 32
  cnn_channels: [4, 8]
  dropout_rate: 0.0
  blocks_conf: {num_blocks: 2, attention_heads: 4, linear_units: 64, dropout_rate: 0.0, positional_dropout_rate: 0.0}
text_encoder: hugging_face
text_encoder_conf:
  config: {model_type: bert, vocab_size: 40, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2,
           intermediate_size: 64, max_position_embeddings: 32,
           hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0}
decoder_conf: {num_blocks: 2, attention_heads: 4, linear_units: 64, dropout_rate: 0.0, positional_dropout_rate: 0.0,
               self_attention_dropout_rate: 0.0, src_attention_dropout_rate: 0.0}
model_conf: {lsm_weight: 0.1}
optim_conf: {lr: 2.0e-3}
scheduler_conf: {warmup_steps: 10, decay: constant}
batch_bins: 400
text_batch_bins: 60
num_workers: 0
use_matplotlib: false
use_tensorboard: false
best_model_criterion: [[valid, acc, max]]
keep_nbest_models: 2
seed: 1
""")


@dataclass(frozen=True)
class Prepared:
    """A mixture with its statistics."""

    toy: Toy
    mixture: Path
    stats: Path

    def options(self, output: Path, **changes: Any) -> list[str]:
        """The task's options for a training in ``output``; ``changes`` replace entries of :data:`CONFIG`."""
        output.mkdir(parents=True, exist_ok=True)
        config = output / "train.yaml"
        config.write_text(yaml.safe_dump({**CONFIG, **changes}), encoding="utf-8")
        options = ["--config", str(config), "--output_dir", str(output), "--ngpu", "0", "--resume", "true"]
        options += ["--token_list", str(self.toy.token_list), "--bpemodel", str(self.toy.bpemodel)]
        options += ["--text_tokenizer", str(self.toy.text_tokenizer)]
        for split in ("train", "valid"):
            for stream in stream_options(self.mixture):
                options += [f"--{split}_data_path_and_name_and_type", ",".join(stream)]
            for shape in ("speech_shape", "text_in_shape"):
                if (self.stats / "train" / shape).is_file():
                    options += [f"--{split}_shape_file", str(self.stats / "train" / shape)]
        return [*options, "--train_groups", str(self.mixture / "groups")]

    def train(self, output: Path, **changes: Any) -> Path:
        """Train; returns ``output``."""
        ATATTask.main(cmd=self.options(output, **changes))
        return output


def prepare(toy: Toy, entries: list[dict[str, Any]], name: str) -> Prepared:
    """Write a mixture and collect its statistics."""
    mixture = write_toy_mixture(toy, entries, name)
    prepared = Prepared(toy, mixture, toy.folder / f"{name}_stats")
    ATATTask.main(cmd=[*prepared.options(prepared.stats), "--collect_stats", "true", "--batch_size", "5"])
    return prepared


def parameters(path: Path) -> dict[str, torch.Tensor]:
    """Of an epoch's model, or of a trainer's checkpoint."""
    states = torch.load(path, weights_only=True)
    return states.get("model", states)


def reports(output: Path) -> Mapping[int, Mapping[str, Mapping[str, float]]]:
    """ESPnet's own report by epoch and phase: all statistics but times and memory, and NaN of absent tasks."""

    def kept(values: Mapping[str, Any]) -> dict[str, float]:
        numbers = {key: float(value) for key, value in values.items() if isinstance(value, int | float)}
        return {k: v for k, v in numbers.items() if math.isfinite(v) and "time" not in k and "mem" not in k}

    stats = torch.load(output / "checkpoint.pth", weights_only=True)["reporter"]["stats"]
    return {epoch: {phase: kept(values) for phase, values in phases.items()} for epoch, phases in stats.items()}
