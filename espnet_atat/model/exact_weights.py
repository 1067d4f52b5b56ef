"""Loading weights that must fit; ESPnet, with ``strict=False``, leaves what does not fit at its random start."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError


def read_weights(path: str | Path, device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of a checkpoint by name."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # pickle, zip and torch raise a dozen kinds
        raise UserError(f"{path}: not a whole checkpoint ({str(error).splitlines()[0]})") from error
    return state if isinstance(state, dict) else {}


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
                "not of one model, or another token list"
            )
    if surplus := {name for name in weights.keys() - own.keys() if not name.startswith(deferred)}:
        raise UserError(f"{where}: holds {min(surplus)!r}, which the configuration's model has not")
    module.load_state_dict(weights)
