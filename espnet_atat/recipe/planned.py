"""What the plan of any system has."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from espnet_atat.config.system import System, run_label
from espnet_atat.recipe.runs import Run


@dataclass(frozen=True, kw_only=True)
class Planned(ABC):
    """A system with one seed and, in a cross validation, one fold."""

    system: System
    seed: int
    fold: int | None

    @property
    @abstractmethod
    def needs(self) -> tuple[Run, ...]:
        """Runs that stage 12 reads."""

    @property
    def reads_foreign_words(self) -> bool:
        """Whether a recogniser that was not trained here hears for it."""
        return self.system.first_stage is not None and self.system.first_stage.is_foreign

    @property
    def label(self) -> str:
        """``seed1``, ``seed1_fold2``."""
        return run_label(self.seed, self.fold)
