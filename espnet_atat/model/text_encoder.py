"""Any BERT-like encoder of Hugging Face and a projection to the model dimension (paper: BERT-base, 768 -> 256)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, PretrainedConfig

from espnet_atat.errors import UserError
from espnet_atat.installed import installed_model
from espnet_atat.model.audio_encoder import valid_frames

#: BERT's positions; longer texts are cut there, in training and in decoding.
MAX_PIECES = 512


def load_text_config(model: str | None, config: Mapping[str, Any] | None) -> PretrainedConfig:
    """The encoder's configuration from a saved dictionary, else from a directory or hub name.

    Raises:
        UserError: neither is given, or the configuration cannot be had.
    """
    if config is not None:
        fields = dict(config)
        kind = fields.pop("model_type", "bert")
        if kind not in CONFIG_MAPPING:
            raise UserError(f"text_encoder_conf: config: transformers knows no model_type {kind!r}")
        try:
            return AutoConfig.for_model(kind, **fields)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"text_encoder_conf: config: {error}") from error
    if model is None:
        raise UserError("text_encoder_conf needs 'model' (a directory or hub name) or 'config' (a dictionary)")
    try:
        return AutoConfig.from_pretrained(installed_model(model))
    except (OSError, ValueError) as error:
        hint = (
            "the folder holds no config.json" if Path(model).is_dir() else "no such folder, and the hub did not answer"
        )
        raise UserError(f"text encoder {model!r}: {hint}") from error


class TextEncoder(nn.Module):
    """BERT, then a linear projection.

    Args:
        output_size: model dimension D.
        model: directory or hub name of a pretrained encoder, or ``minilm`` as installed here; None builds one from
            ``config`` with fresh weights.
        config: the encoder's configuration as a dictionary, as saved with a trained model; with it nothing is ever
            fetched unless ``model`` is given too.
    """

    def __init__(self, output_size: int, model: str | None = None, config: Mapping[str, Any] | None = None):
        super().__init__()
        self.config = load_text_config(model, config)
        bert = (
            _without_pooler(AutoModel.from_config, self.config)
            if model is None
            else _without_pooler(AutoModel.from_pretrained, installed_model(model), config=self.config)
        )
        self.bert = bert.float()  # its configuration may name half precision, as its weights were saved
        self.project = nn.Linear(self.config.hidden_size, output_size)

    @property
    def vocabulary_size(self) -> int:
        """Number of pieces its embedding has rows for."""
        return int(self.config.vocab_size)

    @property
    def max_pieces(self) -> int:
        """Pieces that a text may have: the encoder's positions, at most BERT's."""
        return min(MAX_PIECES, getattr(self.config, "max_position_embeddings", MAX_PIECES))

    def forward(self, pieces: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encode.

        Args:
            pieces: (B, S) ids of the text tokenizer, ``[CLS]`` and ``[SEP]`` included.
            lengths: (B,) pieces.

        Returns:
            states (B, S, D) and their lengths (B,).
        """
        mask = valid_frames(lengths, pieces.size(1))
        hidden = self.bert(input_ids=pieces, attention_mask=mask.to(torch.long)).last_hidden_state
        return self.project(hidden), lengths


def _without_pooler(build: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Build an encoder without the layer over [CLS], which would never get a gradient here."""
    try:
        return build(*args, add_pooling_layer=False, **options)
    except TypeError:  # ELECTRA, DistilBERT and others have none, and do not know the option
        return build(*args, **options)
