"""bfloat16 in training on a CPU that computes in it; ESPnet's ``--use_amp`` is of GPUs alone.

Parameters, gradients between layers' weights and the optimiser stay in float32, as do losses; convolutions and matrix
products of the forward pass, and their backward pass, are in bfloat16 (``benchmarks/cpu_precision.py`` measures both).
"""

from contextlib import AbstractContextManager, nullcontext

import torch

from espnet_atat.errors import UserError

PRECISIONS = ("float32", "bfloat16", "auto")


def resolve(precision: str) -> str:
    """What ``auto`` means here: bfloat16 where the CPU has instructions for it, for else it would be slower.

    Raises:
        UserError: an unknown name.
    """
    if precision not in PRECISIONS:
        raise UserError(f"cpu_precision is one of {', '.join(PRECISIONS)}, found {precision!r}")
    if precision != "auto":
        return precision
    found = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot say: float32
    return "bfloat16" if found.get("avx512_bf16") or found.get("amx_bf16") else "float32"


def cpu_autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Around a forward pass of training; does nothing on a GPU, where ``--use_amp`` decides."""
    if device.type != "cpu" or precision == "float32":
        return nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16)
