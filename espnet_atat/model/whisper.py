"""Whisper's encoder, from samples to states (Radford et al. 2023).

Its parameters have transformers' names and its states are equal (checked in the tests), but importing transformers' own
takes longer than everything else that is done to understand a command.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from espnet_atat.errors import UserError
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.schema import read

#: Its ``model_type``.
WHISPER_TYPE = "whisper"


@dataclass(frozen=True, kw_only=True)
class WhisperConfig:
    """What transformers' ``config.json`` says of the encoder, with transformers' defaults."""

    d_model: int = 384
    encoder_layers: int = 4
    encoder_attention_heads: int = 6
    encoder_ffn_dim: int = 1536
    num_mel_bins: int = 80
    max_source_positions: int = 1500
    dropout: float = 0.0
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    activation_function: Literal["gelu"] = "gelu"
    model_type: Literal["whisper"] = "whisper"

    def __post_init__(self) -> None:
        if self.encoder_attention_heads < 1 or self.d_model % self.encoder_attention_heads:
            raise UserError(f"{self.d_model} units are no multiple of {self.encoder_attention_heads} heads")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """From a configuration that says more. Raises UserError for a value of another type."""
        known = {field.name for field in fields(cls)}
        return read(cls, {key: content[key] for key in known & content.keys()}, "audio_encoder_conf: config")

    @property
    def hidden_size(self) -> int:
        return self.d_model

    def to_diff_dict(self) -> dict[str, Any]:
        return asdict(self)


class WhisperLayer(nn.Module):
    """Self-attention and a feed-forward network, each behind its norm."""

    def __init__(self, config: WhisperConfig):
        super().__init__()
        size, inner = config.d_model, config.encoder_ffn_dim
        self.heads, self.attention_dropout = config.encoder_attention_heads, config.attention_dropout
        names = ("q_proj", "k_proj", "v_proj", "out_proj")
        self.self_attn = nn.ModuleDict({name: nn.Linear(size, size, bias=name != "k_proj") for name in names})
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.dropout, self.inner_dropout = nn.Dropout(config.dropout), nn.Dropout(config.activation_dropout)

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """States (B, S, H) of positions of which ``keep`` (B, 1, 1, S), if any are not, are no padding."""
        normed = self.self_attn_layer_norm(x)
        q, k, v = (
            self.self_attn[name](normed).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        dropout = self.attention_dropout if self.training else 0.0
        attended = functional.scaled_dot_product_attention(q, k, v, keep, dropout).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.self_attn["out_proj"](attended))
        inner = self.inner_dropout(functional.gelu(self.fc1(self.final_layer_norm(x))))
        return x + self.dropout(self.fc2(inner))


class WhisperEncoder(nn.Module):
    """Log mel to states, without those of padding."""

    main_input_name = "input_features"

    def __init__(self, config: WhisperConfig):
        super().__init__()
        size = config.d_model
        self.conv1 = nn.Conv1d(config.num_mel_bins, size, 3, padding=1)
        self.conv2 = nn.Conv1d(size, size, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(config.max_source_positions, size).requires_grad_(False)
        self.layers = nn.ModuleList(WhisperLayer(config) for _ in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, mel: Tensor, frames: Tensor, saves_memory: bool = False) -> tuple[list[Tensor], Tensor]:
        """Log mel (B, channels, T), zero behind each end, and frames (B,).

        Args:
            saves_memory: keep of each trained layer what goes into it, and compute the rest again.

        Returns:
            States (B, S, H) before the first layer and after each, and their numbers (B,).
        """
        keep = valid_frames(frames, mel.shape[2])
        x = functional.gelu(self.conv1(mel)) * keep[:, None]
        x = functional.gelu(self.conv2(x)).transpose(1, 2)  # (B, H, T / 2) -> (B, S, H)
        lengths = (frames + 1) // 2
        keep = valid_frames(lengths, x.shape[1])
        mask = None if bool(keep.all()) else keep[:, None, None]
        x = self.dropout(x + self.embed_positions.weight[: x.shape[1]])
        states = [x]
        for layer in self.layers:
            run = partial(layer, keep=mask)
            if saves_memory and layer.training and torch.is_grad_enabled():
                x = checkpoint(run, x, use_reentrant=False)
            else:
                x = run(x)
            states.append(x)
        states[-1] = self.layer_norm(x)
        return [each * keep[:, :, None] for each in states], lengths
