"""Log mel features to a much shorter sequence of states: a 2-D CNN with max pooling, then a transformer.

The paper: two CNN layers, 256 final units; then 12 blocks of 4 heads, 256 units, 2048 hidden.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from espnet_atat.errors import UserError
from espnet_atat.model.espnet import (
    AbsEncoder,
    ConformerEncoder,
    EBranchformerEncoder,
    PositionalEncoding,
    TransformerEncoder,
)
from espnet_atat.model.precision import cpu_autocast, resolve_precision

#: ESPnet encoders that may follow the CNN; all take ``input_layer=None``.
BLOCKS: Mapping[str, type[AbsEncoder]] = {
    "transformer": TransformerEncoder,
    "conformer": ConformerEncoder,
    "e_branchformer": EBranchformerEncoder,
}

#: Options of an encoder unless the user sets them. ESPnet's old relative attention, the conformer's default, shifts by
#: the padded length, so that a state would depend on the other utterances of the batch.
BLOCKS_DEFAULTS: Mapping[str, Mapping[str, Any]] = {"conformer": {"rel_pos_type": "latest"}}

#: Lengths (B,) of the batch that is being encoded; a context variable, so that threads may share one model.
_lengths: ContextVar[Tensor] = ContextVar("_lengths")


def valid_frames(lengths: Tensor, max_length: int) -> Tensor:
    """Mask of the frames that are not padding: lengths (B,) -> (B, max_length) bool."""
    # ESPnet's make_pad_mask asks the device for the longest, so waits for a GPU, and makes a matrix of max_length
    # squared, of gigabytes where these are samples.
    return torch.arange(max_length, device=lengths.device) < lengths[:, None]


class ConvFrontend(nn.Module):
    """2-D convolutions with max pooling over time and mel channels.

    Frames after an utterance's end are set to zero before every convolution, so that padding does not affect it.

    Args:
        input_size: mel channels F.
        output_size: model dimension D.
        channels: output channels of each layer.
        kernel_size: odd, the same over time and mel channels.
        pooling: (time, mel) of each layer; the product over time is the subsampling factor.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        channels: Sequence[int],
        kernel_size: int,
        pooling: Sequence[Sequence[int]],
        dropout_rate: float,
    ):
        super().__init__()
        if len(channels) != len(pooling):
            raise UserError(
                f"cnn_channels has {len(channels)} layers, cnn_pooling {len(pooling)}: give one pair a layer"
            )
        self.time_pooling = tuple(int(time) for time, _ in pooling)
        convs, pools = [], []
        previous, mels = 1, input_size
        for channel, (time, mel) in zip(channels, pooling, strict=True):
            convs.append(nn.Conv2d(previous, channel, kernel_size, padding=kernel_size // 2))
            pools.append(nn.MaxPool2d((time, mel)))
            previous, mels = channel, mels // mel
        if mels < 1:
            raise UserError(f"cnn_pooling {pooling} leaves nothing of {input_size} mel channels")
        # Channels last is the faster layout on a CPU: benchmarks/audio_frontend.py.
        self.convs = nn.ModuleList(convs).to(memory_format=torch.channels_last)
        self.pools = nn.ModuleList(pools)
        self.project = nn.Linear(previous * mels, output_size)
        self.dropout = nn.Dropout(dropout_rate)

    @property
    def subsampling(self) -> int:
        """Input frames per output state."""
        return prod(self.time_pooling)

    def forward(self, feats: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T, F) and their lengths (B,) -> states (B, S, D) and theirs."""
        shortest = int(lengths.min())
        if shortest < self.subsampling:
            raise UserError(
                f"an utterance of {shortest} frames is shorter than one encoder state ({self.subsampling} frames): "
                "drop it with bin.validate --fix"
            )
        x = feats.unsqueeze(1)  # (B, T, F) -> (B, 1, T, F)
        for conv, pool, time in zip(self.convs, self.pools, self.time_pooling, strict=True):
            keep = valid_frames(lengths, x.size(2))
            x = x * keep[:, None, :, None]
            # The same as relu before pooling, since both are monotonic, and on a quarter of the values.
            x = torch.relu(pool(conv(x)))  # (B, C, T, F) -> (B, C', T // time, F // mel)
            lengths = lengths // time
        x = x.transpose(1, 2).flatten(2)  # (B, C, S, F') -> (B, S, C, F') -> (B, S, C * F')
        longest = int(lengths.max())
        return self.dropout(self.project(x[:, :longest])), lengths


class BlocksEncoder(AbsEncoder):
    """An audio encoder whose last part is blocks of an ESPnet encoder.

    Attributes:
        frames_per_state: input frames of 10 ms that a state covers.
        hears: whether it takes samples too (:meth:`hear`); else only features.
    """

    frames_per_state: float
    hears = False
    blocks: AbsEncoder

    def build_blocks(
        self,
        kind: str,
        size: int,
        conf: Mapping[str, Any] | None,
        dropout_rate: float,
        gradient_checkpointing: bool,
    ) -> None:
        """Make ``blocks``, of states of ``size`` D."""
        if kind not in BLOCKS:
            raise UserError(f"unknown audio encoder blocks {kind!r}: one of {', '.join(BLOCKS)}")
        # Without an input layer, only ESPnet's transformer adds no positional encoding itself.
        self.positions = PositionalEncoding(size, dropout_rate) if kind == "transformer" else None
        conf = {**BLOCKS_DEFAULTS.get(kind, {}), **(conf or {})}
        if conf.get("gradient_checkpoint_layers"):
            # Recomputed by ESPnet itself, a layer would know no lengths, and count a batch twice in its BatchNorm.
            raise UserError(
                "blocks_conf: gradient_checkpoint_layers does not work in the audio encoder: "
                "audio_encoder_conf has gradient_checkpointing, of all blocks"
            )
        self.blocks = BLOCKS[kind](input_size=size, output_size=size, input_layer=None, **conf)
        # ESPnet's conformer and branchformer convolve over padding too; set it to zero before each convolution.
        for module in self.blocks.modules():
            if isinstance(module, nn.Conv1d) and module.kernel_size[0] > 1:
                module.register_forward_pre_hook(_zero_padding)
        if gradient_checkpointing:
            for block in self.blocks.encoders:
                block.forward = partial(_checkpointed, block, block.forward)

    def run_blocks(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, S, D) -> (B, S, D)."""
        if self.positions is not None:
            states = self.positions(states)
        token = _lengths.set(lengths)
        try:
            states, _, _ = self.blocks(states, lengths)
        finally:
            _lengths.reset(token)
        return states

    def hear(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """If it hears: samples (B, N), their numbers -> what :meth:`forward` takes, (B, T, F), and its lengths."""
        raise NotImplementedError  # of an encoder with ``hears`` false, nobody asks


class AudioEncoder(BlocksEncoder):
    """The CNN, then blocks of an ESPnet encoder.

    Args:
        input_size: mel channels F.
        output_size: model dimension D.
        blocks: ``transformer`` (the paper), ``conformer`` or ``e_branchformer``.
        blocks_conf: that encoder's own options (``num_blocks``, ``attention_heads``, ``linear_units`` …).
        cnn_channels, cnn_kernel_size, cnn_pooling: see :class:`ConvFrontend`. The paper gives two layers with max
            pooling and 256 final units; channels, kernel and stride are choices of this project.
        dropout_rate: after the CNN.
        cnn_cpu_precision: of the CNN, in training on a CPU: ``float32``, ``bfloat16``, or ``auto``, which is bfloat16
            where the CPU supports it. The blocks stay in float32: their many small products of varying sizes are not
            faster in bfloat16.
        gradient_checkpointing: keep only what goes into each block, and compute the rest again in the backward pass:
            a third more time, and of the blocks' memory a small part.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int = 256,
        blocks: str = "transformer",
        blocks_conf: Mapping[str, Any] | None = None,
        cnn_channels: Sequence[int] = (64, 128),
        cnn_kernel_size: int = 3,
        cnn_pooling: Sequence[Sequence[int]] = ((2, 2), (2, 2)),
        dropout_rate: float = 0.1,
        cnn_cpu_precision: str = "float32",
        gradient_checkpointing: bool = False,
    ):
        super().__init__()
        self.input_size = input_size
        self.cnn = ConvFrontend(input_size, output_size, cnn_channels, cnn_kernel_size, cnn_pooling, dropout_rate)
        self.frames_per_state = self.cnn.subsampling
        self.cnn_cpu_precision = resolve_precision(cnn_cpu_precision)
        self.build_blocks(blocks, output_size, blocks_conf, dropout_rate, gradient_checkpointing)

    def output_size(self) -> int:
        return self.blocks.output_size()

    def forward(self, feats: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, None]:
        """Normalised features (B, T, F) and their lengths -> states (B, S, D), theirs, None (ESPnet's third value)."""
        with cpu_autocast(self.cnn_cpu_precision if self.training else "float32", feats.device):
            states, lengths = self.cnn(feats, lengths)
        return self.run_blocks(states.to(feats.dtype), lengths), lengths, None  # from bfloat16


def _zero_padding(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    (x,) = inputs  # (B, channels, S)
    return (x * valid_frames(_lengths.get(), x.size(2))[:, None, :],)


def _checkpointed(block: nn.Module, forward: Callable[..., Any], *inputs: Any) -> Any:
    """A block's forward pass that keeps only its inputs for the backward pass."""
    if not (block.training and torch.is_grad_enabled()):
        return forward(*inputs)
    lengths = _lengths.get()
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), _again(block, lengths)))


@contextmanager
def _again(block: nn.Module, lengths: Tensor) -> Iterator[None]:
    """The lengths as they were, and BatchNorm statistics that do not count the batch a second time."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm) and module.training]
    before = [(norm.momentum, norm.get_buffer("num_batches_tracked").clone()) for norm in norms]
    token = _lengths.set(lengths)
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        _lengths.reset(token)
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.get_buffer("num_batches_tracked").copy_(count)
