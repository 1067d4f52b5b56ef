"""What a call of the driver asks for, and all that stages 7 to 13 make of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import DATA, TTS
from espnet_atat.config.recipe import Recipe, load_recipe
from espnet_atat.config.selection import Selection
from espnet_atat.config.system import System
from espnet_atat.config.table import Table
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import Machines
from espnet_atat.graph.node import Node, unique
from espnet_atat.report.keeping import Keeper
from espnet_atat.stages import LAST_STAGE, Stage
from espnet_atat.steps.stage12_decode import Hypotheses
from espnet_atat.steps.stage13_score import pooled_node, score_node
from espnet_atat.steps.systems import Trial, attention_nodes, plan_system


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a call of the driver asks for; its options say the same (``bin.run``).

    Attributes:
        encoder: a pretrained speech encoder that stage 6 runs besides those that the systems name.
        num_ceps, deltas: options of ``feats_type: mfcc``.
        align: options of stage 4, in place of the recipe's.
        decode_dev: decode and score the dev sets, and not the test sets: choices are made on them.
        keep_results: keep what is scored in the recipe's ``results``.
        use_results: take from there what is of the same model and data, and train nothing for it.
    """

    selection: Selection
    machines: Machines
    stage: int = 1
    stop_stage: int = LAST_STAGE
    nj: int = 1
    feats_type: str = "fbank"
    encoder: str | None = None
    num_ceps: int = 13
    deltas: bool = False
    compress: bool = True
    augment_sets: tuple[str, ...] | None = None
    synthesize_sets: tuple[str, ...] | None = None
    tts_engine: str | None = None
    align: Mapping[str, Any] = field(default_factory=dict)
    hf_repo: str | None = None
    upload_dir: Path | None = None
    private: bool = False
    allow_bad_test: bool = False
    decode_dev: bool = False
    keep_results: bool = False
    use_results: bool = False
    force: bool = False
    dry_run: bool = False

    @property
    def recipe(self) -> str:
        return self.selection.recipe

    @cached_property
    def options(self) -> Recipe:
        return load_recipe(self.recipe)

    def wants(self, stage: int) -> bool:
        return self.stage <= stage <= self.stop_stage

    @property
    def tts_default(self) -> str:
        """The engine of sets that name none."""
        return self.tts_engine or self.options.synthesize.engine

    @property
    def sets(self) -> list[str]:
        """The names of the sets below ``data/<recipe>``, as they are now."""
        texts = (DATA / self.recipe).glob("[!.]*/text")
        return sorted(path.parent.name for path in texts if not path.parent.name.endswith(".partial"))

    def lacks(self, name: str) -> bool:
        """Whether a recipe that is prepared lacks a set."""
        return bool(self.sets) and not (DATA / self.recipe / name / "text").is_file()

    def check_prepared(self, name: str) -> None:
        if self.lacks(name) and not (self.dry_run and self.wants(Stage.CORPUS)):  # which may make it
            raise UserError(f"{DATA / self.recipe / name} was not prepared; there are {' '.join(self.sets)}")

    def named_by_tables(self, key: str) -> list[str]:
        """The sets that the tables asked for name, ``{tts}`` filled in: ``synthesize_sets``, ``augment_sets``.

        What stage 3 says gets the engines of the table's rows, ``set@engine:N``, unless it names its own.
        """
        found = []
        for table in self.selection.tables:
            engines: list[str] = [system.tts_engine for system in self.systems_of(table) if system.tts_engine]
            for name in getattr(table, key):
                entry = re.sub("^([^@:]*)(:|$)", rf"\1@{TTS}\2", name) if key == "synthesize_sets" else name
                found += [entry.replace(TTS, engine) for engine in engines or [self.tts_default]]
        return list(dict.fromkeys(found))

    @cached_property
    def trials(self) -> list[Trial]:
        return [
            plan_system(system, seed, fold, self.machines, dev=self.decode_dev, nj=self.nj)
            for system in self.selection.systems
            for seed in self.selection.seeds_of(system)
            for fold in self.selection.folds_of(system)
        ]

    @cached_property
    def kept(self) -> Keeper:
        return Keeper(self.recipe)

    @cached_property
    def to_make(self) -> list[Trial]:
        """The trials whose models are wanted: all of them, unless their kept results are in use."""
        if not self.use_results:
            return self.trials
        return [trial for trial in self.trials if not all(self.is_at_hand(each) for each in trial.hypotheses)]

    def is_at_hand(self, planned: Hypotheses) -> bool:
        return planned.node.is_done or self.kept.has(planned.node)

    def systems_of(self, table: Table) -> list[System]:
        by_name = {system.name: system for system in self.selection.systems}
        return [by_name[name] for name in table.systems]

    def score_nodes(self, table: Table | None = None) -> list[Node]:
        """The scores of every set, then those of pooled folds."""
        systems = self.selection.systems if table is None else self.systems_of(table)
        names = [system.name for system in systems]
        nodes = [score_node(each) for trial in self.trials if trial.system.name in names for each in trial.hypotheses]
        return [*nodes, *(node for system in systems for node in self._pooled_nodes(system))]

    def _pooled_nodes(self, system: System) -> Iterator[Node]:
        if system.folds is None or self.selection.fold is not None:
            return
        for seed in self.selection.seeds_of(system):
            of_folds = [trial for trial in self.trials if trial.system.name == system.name and trial.seed == seed]
            tests = system.dev if self.decode_dev else system.test
            names = [(config, test) for config in system.decode for test in tests]
            for (config, test), *hypotheses in zip(names, *(trial.hypotheses for trial in of_folds), strict=True):
                yield pooled_node(system, seed, config, test, hypotheses)

    @cached_property
    def system_nodes(self) -> list[Node]:
        """All that stages 7 to 13 make; what several systems share is there once."""
        nodes = [node for trial in self.to_make for node in trial.nodes()]
        for trial in self.trials:
            # What is taken from the kept results is there by now, but for a dry run.
            planned = [
                each for each in trial.hypotheses if not (self.dry_run and self.use_results and self.is_at_hand(each))
            ]
            nodes += [node for each in planned for node in (each.node, score_node(each))]
        nodes += attention_nodes(self.to_make)
        nodes += [] if self.dry_run and self.use_results else self.score_nodes()
        return sorted(unique(nodes), key=lambda node: node.stage)  # stable
