"""PyTorch's layers, computed faster in training on a CPU.

Parameters and checkpoints are the same, and results agree up to rounding; dropout draws other masks at the same rate.

Torch computes float32 products with MKL, which uses narrow vector instructions on some CPUs; oneDNN uses the widest
available. It generates code for each new shape, so the number of rows is padded to a few different values. On a small
model, dropout masks and ESPnet's convolutions matter as well. ``benchmarks/cpu_layers.py`` measures the gain.
"""

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

#: Number of shapes that oneDNN caches code for (default: 1024); batches of many lengths would evict each other's.
#: oneDNN reads this variable when it generates the first one.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "4096")

#: Rows of a matrix, and states of a sequence, are padded to a multiple of these.
ROWS, STATES = 16, 8
#: Below this number of multiplications, a product costs more by oneDNN than it gains.
WORTHWHILE = 1 << 21
#: Number of values of the 16 random bits that decide whether one activation is dropped.
STEPS = 1 << 16


def trains_on_cpu(layer: nn.Module, x: Tensor) -> bool:
    """Whether to use the layers below instead of torch's: not in decoding, whose many small products gain nothing."""
    return (
        layer.training and x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    )


class _LinearMap(torch.autograd.Function):
    """(M, in) x (out, in) -> (M', out), with padded rows, by the operation that torch's compiler uses on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        missing = -len(x) % ROWS
        rows = torch.cat((x, x.new_zeros(missing, x.size(1)))) if missing else x.contiguous()
        ctx.save_for_backward(rows, weight)
        ctx.rows = len(x)
        return _multiply(rows, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        gradient = gradients[0].contiguous()  # padded rows are zero and add nothing
        rows, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _multiply(gradient, weight.t())[: ctx.rows] if of_x else None,
            _multiply(gradient.t(), rows.t()) if of_weight else None,
            gradient.sum(0) if of_bias else None,
        )


def _multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(M, in) x (out, in) -> (M, out)."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return product


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(…, in) x (out, in) -> (…, out)."""
    if x.numel() * len(weight) < WORTHWHILE:
        return functional.linear(x, weight, bias)
    rows = x.reshape(-1, x.size(-1))
    product: Tensor = _LinearMap.apply(rows, weight, bias)
    return product[: len(rows)].view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """Multiplies by oneDNN."""

    def forward(self, x: Tensor) -> Tensor:  # (…, in) -> (…, out)
        return linear(x, self.weight, self.bias) if trains_on_cpu(self, x) else super().forward(x)


class PointwiseConv1d(nn.Conv1d):
    """A convolution with kernel size 1, computed as a linear map."""

    def forward(self, x: Tensor) -> Tensor:  # (B, in, S) -> (B, out, S)
        if x.dim() != 3 or not trains_on_cpu(self, x):
            return super().forward(x)
        return linear(x.transpose(1, 2), self.weight.squeeze(2), self.bias).transpose(1, 2)


class DepthwiseConv1d(nn.Conv1d):
    """A depthwise convolution with channels last in memory, the layout of ESPnet's encoders."""

    def forward(self, x: Tensor) -> Tensor:  # (B, channels, S) -> (B, channels, S)
        if x.dim() != 3 or not trains_on_cpu(self, x):
            return super().forward(x)
        states = x.size(2)
        image = functional.pad(x.unsqueeze(2), (0, -states % STATES))  # (B, channels, 1, S')
        image = image.contiguous(memory_format=torch.channels_last)
        padding = (0, *map(int, self.padding))
        convolved = functional.conv2d(image, self.weight.unsqueeze(2), self.bias, padding=padding, groups=self.groups)
        return convolved.squeeze(2)[..., :states]


class Dropout(nn.Dropout):
    """Draws 16 random bits for each activation instead of 53; the rate is exact to 1 / 65 536."""

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(self.p * STEPS)
        if self.inplace or not 0 < dropped < STEPS or not trains_on_cpu(self, x):
            return super().forward(x)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)  # 4 numbers each
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        keep = torch.ge(bits, dropped - STEPS // 2, out=torch.empty_like(x, requires_grad=False))  # 0 or 1, as floats
        return x * keep.mul_(STEPS / (STEPS - dropped))


def use_cpu_layers(model: nn.Module) -> None:
    """Use the layers above in place of a model's torch layers; subclasses, such as adapters, stay as they are."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return  # a build of torch without oneDNN
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = Linear
        elif type(module) is nn.Dropout:
            module.__class__ = Dropout
        elif type(module) is nn.Conv1d and _keeps_length(module):
            if module.kernel_size == (1,) and module.groups == 1:
                module.__class__ = PointwiseConv1d
            elif module.groups == module.in_channels == module.out_channels > 1:
                module.__class__ = DepthwiseConv1d


def _keeps_length(conv: nn.Conv1d) -> bool:
    """Whether it gives as many states as it takes: stride and dilation 1, and zeros for padding."""
    plain = conv.stride == conv.dilation == (1,) and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    return plain and int(conv.padding[0]) * 2 + 1 == conv.kernel_size[0]
