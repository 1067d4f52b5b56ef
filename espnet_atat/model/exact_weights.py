"""Loading weights that must fit; ESPnet, with ``strict=False``, leaves what does not fit at its random start."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from espnet_atat.errors import UserError, first_line

#: Kinds of numbers that weights are saved as: those that they are computed with, and counters.
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
DTYPES = (*FLOATS, torch.int64)
#: Numbers that a model may be built of besides its weights, and for each of them: some are replaced, such as the
#: decoder's embedding, and a pretrained encoder has its upper layers first.
SPARE, SPARE_TIMES = 2**20, 8
#: Of a thread that builds a model: how many more numbers that may take.
_building = threading.local()


def load_state(source: str | Path | IO[bytes], where: str | Path) -> dict[str, Tensor]:
    """The tensors of a file of weights by name, or of a trainer's ``checkpoint.pth``; empty where it has others.

    Raises:
        UserError: it cannot be read whole.
    """
    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise a dozen kinds
        raise UserError(f"{where}: not a whole checkpoint ({first_line(error)})") from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    is_weights = isinstance(state, dict) and all(isinstance(tensor, Tensor) for tensor in state.values())
    return state if is_weights else {}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name.

    Raises:
        UserError: there is none, or it holds numbers that are not finite, or of a type that no weights have.
    """
    state = load_state(path, path)
    check_numbers(state, path)
    return state


def check_numbers(weights: Mapping[str, Tensor], where: str | Path) -> None:
    """Refuse tensors of other kinds than :data:`DTYPES`, without values, and with values that are not finite."""
    for name, tensor in weights.items():
        if tensor.dtype not in DTYPES or tensor.layout is not torch.strided or tensor.is_meta:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise UserError(f"{where}: {name!r} holds {kind} in place of plain numbers (float32, float16 …)")
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{where}: {name!r} holds numbers that are not finite: damaged, or the training diverged")


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor], where: str | Path) -> Iterator[None]:
    """Refuse to build a far larger model than there are weights for, in this thread, before it takes the memory."""
    _building.left = SPARE + SPARE_TIMES * sum(tensor.numel() for tensor in weights.values())
    _building.where = where
    try:
        yield
    finally:
        del _building.left


def _count(module: nn.Module, name: str, parameter: Tensor | None) -> None:  # noqa: ARG001
    if parameter is not None and hasattr(_building, "left"):
        _building.left -= parameter.numel()
        if _building.left < 0:
            raise UserError(f"{_building.where}: the configuration describes a far larger model than the weights fill")


# Once, and not for each model: a thread must not add hooks while others run them.
register_module_parameter_registration_hook(_count)


def take_weights(
    module: nn.Module, weights: Mapping[str, Tensor], where: str | Path, kind: str = "an AT-AT model"
) -> None:
    """Load the weights of exactly this module.

    Args:
        where: they come from, for messages.
        kind: what the module is, likewise.
    """
    own = module.state_dict()
    if not weights.keys() & own.keys():
        raise UserError(f"{where}: a checkpoint, but not of {kind}")
    deferred = tuple(f"{name}." for name, each in module.named_modules() if hasattr(each, "deferred"))
    missing = [name for name in own if name not in weights]
    missing += [prefix for prefix in deferred if not any(name.startswith(prefix) for name in weights)]
    if missing:
        raise UserError(f"{where}: lacks {missing[0]!r}: not a checkpoint of the model in its configuration")
    for name, tensor in own.items():
        if weights[name].shape != tensor.shape:
            raise UserError(
                f"{where}: {name!r} is {tuple(weights[name].shape)}, the configuration makes it {tuple(tensor.shape)}: "
                "they are from different models, or the token list differs"
            )
        given = weights[name]
        if given.dtype not in FLOATS if tensor.is_floating_point() else given.dtype != tensor.dtype:
            raise UserError(f"{where}: {name!r} is {given.dtype}, but {tensor.dtype} in the model")
    if surplus := {name for name in weights.keys() - own.keys() if not name.startswith(deferred)}:
        raise UserError(f"{where}: holds {min(surplus)!r}, which the configuration's model does not have")
    module.load_state_dict(weights)
