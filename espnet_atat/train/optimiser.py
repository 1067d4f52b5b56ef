"""Which parameters share a learning rate."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from espnet_atat.errors import UserError
from espnet_atat.train.adapter import is_adapter

#: Rows of the tied embedding that do not come from a pretrained model.
NEW_ROWS = "decoder.embed.0.new"
#: The pretrained parts of the encoders, whose learning rates have factors.
SCALED = ("text_encoder.bert", "audio_encoder.pretrained")


def parameter_groups(
    model: nn.Module,
    pretrained: Sequence[str] = (),
    text_encoder_lr_scale: float = 1.0,
    audio_encoder_lr_scale: float = 1.0,
) -> list[dict[str, Any]]:
    """Groups for the optimiser, marked for :class:`~espnet_atat.train.unfreeze.WarmupUnfreezeLR`.

    Args:
        pretrained: names or dotted prefixes of pretrained parameters; ``all``: all except the new rows. An
            adapter's parameters always count as new.
        text_encoder_lr_scale: factor on the learning rate of ``text_encoder.bert``.
        audio_encoder_lr_scale: factor on that of ``audio_encoder.pretrained``.
    """
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    for prefix in pretrained:
        if prefix != "all" and not any(is_below(name, prefix) for name in trainable):
            raise UserError(f"--pretrained_parameters: the model has no trainable parameter below {prefix!r}")
    scales = (1.0, text_encoder_lr_scale, audio_encoder_lr_scale)
    members: dict[tuple[bool, bool, int], list[nn.Parameter]] = {}
    for name, parameter in trainable.items():
        new_rows = name == NEW_ROWS
        is_fresh = new_rows or is_adapter(name)
        is_pretrained = not is_fresh and any(p == "all" or is_below(name, p) for p in pretrained)
        scale = next((number for number, prefix in enumerate(SCALED, 1) if is_below(name, prefix)), 0)
        members.setdefault((is_pretrained, new_rows, scale), []).append(parameter)
    return [
        {
            "params": parameters,
            "pretrained": old,
            "new_rows": new_rows,
            "lr_scale": scales[scale],
        }
        for (old, new_rows, scale), parameters in sorted(members.items(), key=lambda item: item[0])
    ]


def is_below(name: str, prefix: str) -> bool:
    """Whether a parameter is ``prefix``, or lies below that module."""
    return name == prefix or name.startswith(f"{prefix}.")
