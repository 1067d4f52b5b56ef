"""Checks before training starts, for mistakes that would stop it hours later."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from espnet_atat.data.dataset import MixtureDataset
from espnet_atat.errors import UserError, naming
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.text.tokenizer import check_tags
from espnet_atat.text.vocabulary import TASKS, Vocabulary, task_token
from espnet_atat.train.checkpoint import CHECKPOINT
from espnet_atat.train.optimiser import NEW_ROWS
from espnet_atat.train.transfer import OLD_ROWS


def check_targets(dataset: MixtureDataset, vocabulary: Vocabulary) -> None:
    """Every target must begin with a task token, say something, and hold known tags only."""
    tasks = {task_token(task) for task in TASKS}
    known: set[str] = set()  # most words were looked up before
    for utt_id, target in dataset.texts("text"):
        first, *rest = target.split() or [""]
        if first not in tasks:
            raise UserError(f"utterance {utt_id}: the target begins with {first!r}, not with a task token")
        if not rest:
            raise UserError(f"utterance {utt_id}: the target is empty: drop the utterance with bin.validate --fix")
        if known.issuperset(rest):
            continue
        known.update(rest)
        with naming(f"utterance {utt_id}"):
            check_tags(rest, vocabulary)


def check_encoders(dataset: MixtureDataset, audio_encoder: str | None, text_encoder: str | None) -> None:
    """Every stream of the data needs its encoder."""
    if dataset.has_name("speech") and audio_encoder is None:
        raise UserError("the data has audio, but the model no audio encoder (--audio_encoder none): train on nlu only")
    if dataset.has_name("text_in") and text_encoder is None:
        raise UserError("the data has text inputs, but the model no text encoder (--text_encoder none): leave nlu out")


def check_depths(model: ESPnetATATModel) -> None:
    """Both encoders need as many layers as the contrast compares."""
    if model.contrast is None or model.audio_encoder is None or model.text_encoder is None:
        return
    blocks = model.audio_encoder.blocks
    layers = min(0 if blocks is None else len(blocks.encoders), model.text_encoder.config.num_hidden_layers)
    if model.contrast.depths > max(1, layers):
        raise UserError(
            f"contrast_conf: depths is {model.contrast.depths}, but an encoder has {layers} layers: that many at most"
        )


def check_modalities(lacking: Sequence[str], args: argparse.Namespace, world_size: int) -> None:
    """Processes that train together must all use all parameters in every batch, unless DDP is told that they do not.

    Args:
        lacking: modalities of the mixture that some batch of some process lacks.

    Raises:
        UserError: names the modality, and what to do.
    """
    if lacking and world_size > 1 and not args.unused_parameters:
        raise UserError(
            f"some batches of some of the {world_size} processes hold no {lacking[0]}, and its encoder would leave DDP "
            "waiting: set --unused_parameters true, raise --batch_bins, or give the modality more weight in the mixture"
        )


def check_checkpoints(args: argparse.Namespace, vocabulary: Vocabulary) -> None:
    """The embedding of a checkpoint to start or to go on from must have the rows of the model to be trained."""
    pretrained = len(vocabulary) if args.pretrained_vocabulary_size is None else args.pretrained_vocabulary_size
    rows = {OLD_ROWS: pretrained, NEW_ROWS: len(vocabulary) - pretrained}
    checkpoint = Path(args.output_dir, CHECKPOINT)
    # With `:` ESPnet loads a part of the parameters; with ignore_init_mismatch, those that fit.
    files = [file for file in args.init_param if ":" not in file and not args.ignore_init_mismatch]
    resumed = [checkpoint] if args.resume and checkpoint.is_file() else []
    for file in [*resumed, *files]:
        parameters = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
        _check_rows(file, parameters["model"] if file in resumed else parameters, rows)


def _check_rows(file: str | Path, parameters: Mapping[str, Tensor], rows: Mapping[str, int]) -> None:
    for name, expected in rows.items():
        if name in parameters and len(parameters[name]) != expected:
            raise UserError(
                f"{file}: {name} has {len(parameters[name])} rows, the model to be trained {expected} (its token list "
                f"{sum(rows.values())} tokens): they do not fit; grow the old list and map the rows (stage 11), or "
                "train in a new folder"
            )
