"""The device of ``--device``. Imports torch only to look for a GPU: a wrong name is reported at once."""

import re

from espnet_atat.errors import UserError


def check_device(name: str) -> None:
    """Raises UserError unless it is ``cpu``, or ``cuda`` or ``cuda:N`` of a GPU that is there."""
    if re.fullmatch(r"cpu|cuda(:\d{1,3})?", name) is None:
        raise UserError(f"device {name!r}: one of cpu, cuda, cuda:N")
    if name == "cpu":
        return
    import torch

    if (torch.device(name).index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs that torch can use; take cpu")
