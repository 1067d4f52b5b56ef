"""What a call of the driver asks of stages 7 to 14."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from espnet_atat.config.system import System, TestSet
from espnet_atat.config.table import Table
from espnet_atat.recipe.training import Machines

TOKENS, LANGUAGE_MODEL, STATISTICS, PRETRAINING, FINETUNING, DECODING, SCORING, TABLE = 7, 8, 9, 10, 11, 12, 13, 14


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for.

    Attributes:
        tables: what is printed in the end; of one recipe.
        systems: their rows, which are run.
        seeds: None: each system's own.
        fold: one fold of a cross validation; None: all.
        nj: processes of decoding.
        decode_dev: decode and score the dev sets, and not the test sets: choices are made on them.
        jobs: systems (with one seed and fold each) that are made at once.
        keep_results: copy what is scored into the recipe's ``results``.
        use_results: take from there what is of the same model and data, and train nothing for it.
    """

    tables: tuple[Table, ...]
    systems: tuple[System, ...]
    stage: int = TOKENS
    stop_stage: int = TABLE
    seeds: tuple[int, ...] | None = None
    fold: int | None = None
    machines: Machines = field(default_factory=Machines)
    nj: int = 1
    force: bool = False
    dry_run: bool = False
    decode_dev: bool = False
    jobs: int = 1
    keep_results: bool = False
    use_results: bool = False

    @property
    def recipe(self) -> str:
        return self.tables[0].recipe

    def wants(self, stage: int) -> bool:
        return self.stage <= stage <= self.stop_stage

    def seeds_of(self, system: System) -> tuple[int, ...]:
        return self.seeds or system.seeds

    def folds_of(self, system: System) -> Sequence[int | None]:
        if self.fold is not None or system.folds is None:
            return [self.fold]
        return range(1, system.folds + 1)

    def tests_of(self, system: System) -> tuple[TestSet, ...]:
        return system.dev if self.decode_dev else system.test
