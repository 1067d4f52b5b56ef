"""Learning rate: warm-up and decay, times each parameter group's own factor, times gradual unfreezing.

Parameters are frozen by a learning rate of 0, not by ``requires_grad``, so that DDP sees the same graph throughout.
"""

import logging
from typing import Any

from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from espnet_atat.schema import read
from espnet_atat.train.schedule import Schedule


class WarmupUnfreezeLR(LRScheduler, AbsBatchStepScheduler):
    """One schedule for pretraining and fine-tuning, stepped after every update.

    ``base = lr * shape(update)``, where ``shape`` warms up linearly to 1 at ``warmup_steps`` and then decays. With
    ``decay: noam`` and ``lr = d ** -0.5 * warmup_steps ** -0.5`` this is Vaswani et al. 2017, eq. 3 with factor 1; for
    d = 256 and 4000 steps, the paper's, lr is 9.88e-4.

    A group's learning rate is ``base * group["lr_scale"]``, and for groups with ``group["pretrained"]`` also times
    ``multipliers[i]`` in the ``i``-th phase. Phases last ``unfreeze_steps[i]`` updates; after the last the factor is 1
    (paper: 0 for 500 updates, then 0.2, 0.5, 0.7 for 100 each). Where every group is pretrained, phases of factor 0 are
    left out, because nothing would train in them, and the log says so.

    New rows of the embedding (``group["new_rows"]``) have a warm-up of their own, ``new_rows_warmup_steps``, and then
    the peak rate until ``warmup_steps``. With the others' warm-up they would hardly move while nothing else trains
    (``benchmarks/new_rows.py``).

    Args:
        optimizer: its groups may carry ``pretrained`` (bool), ``new_rows`` (bool) and ``lr_scale`` (float).
        conf: see :class:`~espnet_atat.train.schedule.Schedule`.
    """

    def __init__(self, optimizer: Optimizer, **conf: Any):
        self.schedule = schedule = read(Schedule, conf, "scheduler_conf")
        self.warmup_steps = max(1, schedule.warmup_steps)
        phases = list(zip(schedule.unfreeze_steps, schedule.multipliers, strict=True))
        if all(group.get("pretrained", False) for group in optimizer.param_groups):
            if skipped := sum(steps for steps, multiplier in phases if multiplier == 0):
                logging.info(f"no new rows, nothing fresh: the freeze of {skipped} updates is skipped")
            phases = [(steps, multiplier) for steps, multiplier in phases if multiplier != 0]
        self.phases = phases
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """Learning rate of each group for update ``last_epoch + 1``."""
        update, own = self.last_epoch + 1, self.schedule.new_rows_warmup_steps
        unfrozen = self.unfrozen(update)
        return [
            base
            * self.shape(update, own if group.get("new_rows", False) and own is not None else self.warmup_steps)
            * group.get("lr_scale", 1.0)
            * (unfrozen if group.get("pretrained", False) else 1.0)
            for base, group in zip(self.base_lrs, self.optimizer.param_groups, strict=True)
        ]

    def shape(self, update: int, warmup_steps: int) -> float:
        """Warm-up and decay at an update, counted from 1; at most 1."""
        if update <= self.warmup_steps:
            return min(1.0, update / max(1, warmup_steps))
        if self.schedule.decay == "noam":
            return (self.warmup_steps / update) ** 0.5
        if self.schedule.decay == "linear":
            total = self.schedule.total_steps
            assert total is not None
            return max(0.0, (total - update) / (total - self.warmup_steps))
        return 1.0

    def unfrozen(self, update: int) -> float:
        """Multiplier of the pretrained groups at an update, counted from 1."""
        end = 0
        for steps, multiplier in self.phases:
            end += steps
            if update <= end:
                return multiplier
        return 1.0

    def state_dict(self) -> dict[str, Any]:
        """Only plain numbers: ESPnet loads checkpoints with ``weights_only=True``."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.last_epoch = state_dict["last_epoch"]
        self.base_lrs = list(state_dict["base_lrs"])
        # The optimizer's own state holds the same rates; set them here too, because it may be loaded before or after.
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = [*self.get_lr()]
