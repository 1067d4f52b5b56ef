"""Options of the learning rate's schedule (:mod:`.unfreeze`), checked where torch need not be imported."""

from dataclasses import dataclass
from typing import Literal

from espnet_atat.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """``scheduler_conf`` of ``warmup_unfreeze``; steps are updates."""

    warmup_steps: int = 4000
    #: ``noam``: inverse square root; ``linear``: to 0 at ``total_steps``.
    decay: Literal["noam", "linear", "constant"] = "noam"
    total_steps: int | None = None  # of the whole run; only for ``linear``
    unfreeze_steps: tuple[int, ...] = ()  # of each phase of the pretrained groups; none: never frozen
    multipliers: tuple[float, ...] = ()  # of each phase
    new_rows_warmup_steps: int | None = None  # to the peak of new rows; None: as ``warmup_steps``

    def __post_init__(self) -> None:
        given = f"{len(self.unfreeze_steps)} unfreeze_steps but {len(self.multipliers)} multipliers"
        if len(self.unfreeze_steps) != len(self.multipliers):
            raise UserError(f"{given}; give as many")
        if self.decay == "linear" and (self.total_steps is None or self.total_steps <= self.warmup_steps):
            raise UserError("decay linear needs total_steps above warmup_steps")
        if min(self.warmup_steps, self.new_rows_warmup_steps or 0, *self.unfreeze_steps, *self.multipliers) < 0:
            raise UserError("updates and multipliers are not negative")
