"""ESPnet's trainer, able to resume on a GPU a training that began on a CPU."""

from pathlib import Path
from typing import Any

import torch
from espnet2.train.trainer import Trainer


class DeviceTrainer(Trainer):
    """With ``--use_amp``, ESPnet's trainer saves the state of a loss scaler, empty from a CPU, where there is none.

    A scaler in use refuses an empty state; here it starts afresh.
    """

    @staticmethod
    def resume(checkpoint: str | Path, *arguments: Any, scaler: Any = None, **options: Any) -> None:
        """Load a checkpoint. The parameters are those of ESPnet's ``Trainer.resume``, the scaler given by name."""
        if scaler is not None:
            saved = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)["scaler"]
            scaler = scaler if saved else None
        Trainer.resume(checkpoint, *arguments, scaler=scaler, **options)
