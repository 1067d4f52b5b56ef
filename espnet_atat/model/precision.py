"""Where to compute, and bfloat16 in training on CPUs that support it: ESPnet's ``--use_amp`` is for GPUs only."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from espnet_atat.errors import UserError

PRECISIONS = ("float32", "bfloat16", "auto")


def resolve_precision(name: str) -> str:
    """Resolve ``auto``: bfloat16 if the CPU has instructions for it, without which it would be slower than float32."""
    if name not in PRECISIONS:
        raise UserError(f"cnn_cpu_precision is one of {', '.join(PRECISIONS)}, found {name!r}")
    if name != "auto":
        return name
    found: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot tell: float32
    return "bfloat16" if found.get("avx512_bf16") or found.get("amx_bf16") else "float32"


def cpu_autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A context for a part of a forward pass; does nothing on a GPU."""
    if device.type != "cpu" or precision == "float32":
        return nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16)


@contextmanager
def full_precision() -> Iterator[None]:
    """On a GPU, products in float32: cuDNN takes TF32 unasked, and so does all after a training with ``use_tf32``."""
    backends: tuple[Any, Any] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


def device_here(ngpu: int) -> str:
    """``cuda`` if GPUs are asked for and this machine has one, else ``cpu``.

    A driver whose trainings go to a scheduler decodes itself, and may run where there is none.
    """
    if ngpu == 0:
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    print("  no GPU here: on the CPU", flush=True)
    return "cpu"
