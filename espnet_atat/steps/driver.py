"""The stages in their order, and how a call goes through them: what is done is skipped with a line that says so."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from espnet_atat.config.recipe import Recipe, load_recipe
from espnet_atat.config.selection import Selection
from espnet_atat.config.system import System
from espnet_atat.config.table import Table
from espnet_atat.graph.launch import Job, Machines, run_jobs
from espnet_atat.graph.node import Node, unique
from espnet_atat.report.keeping import Keeper
from espnet_atat.stages import LAST, STAGES, SYSTEMS, Stage, readers
from espnet_atat.steps.stage12_attention import attention_nodes
from espnet_atat.steps.stage12_decode import Hypotheses
from espnet_atat.steps.stage13_score import pooled_node, score_node
from espnet_atat.steps.stage14_table import table_file
from espnet_atat.steps.systems import SystemRun, plan_system

#: The first stage of systems, and those that say something of their own.
TOKENS, DECODING, SCORING, TABLES = 7, 12, 13, 14
DRIVER = "espnet_atat.bin.run"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a call of the driver asks for; its options say the same (``bin.run``).

    Attributes:
        encoder: a pretrained speech encoder that stage 6 runs besides those that the systems name.
        num_ceps, deltas: of ``feats_type: mfcc``.
        align: options of stage 4, in place of the recipe's.
        decode_dev: decode and score the dev sets, and not the test sets: choices are made on them.
        keep_results: keep what is scored in the recipe's ``results``.
        use_results: take from there what is of the same model and data, and train nothing for it.
    """

    selection: Selection
    machines: Machines
    stage: int = 1
    stop_stage: int = LAST
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

    @cached_property
    def runs(self) -> list[SystemRun]:
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
    def to_make(self) -> list[SystemRun]:
        """The runs whose models are wanted: all of them, unless their kept results are in use."""
        if not self.use_results:
            return self.runs
        return [run for run in self.runs if not all(self.is_at_hand(each) for each in run.hypotheses)]

    def is_at_hand(self, planned: Hypotheses) -> bool:
        return planned.node.is_done or self.kept.has(planned.node)

    def systems_of(self, table: Table) -> list[System]:
        by_name = {system.name: system for system in self.selection.systems}
        return [by_name[name] for name in table.systems]

    def score_nodes(self, table: Table | None = None) -> list[Node]:
        """The scores of every set, then those of pooled folds."""
        systems = self.selection.systems if table is None else self.systems_of(table)
        names = [system.name for system in systems]
        nodes = [score_node(each) for run in self.runs if run.system.name in names for each in run.hypotheses]
        return [*nodes, *(node for system in systems for node in self._pooled_nodes(system))]

    def _pooled_nodes(self, system: System) -> Iterator[Node]:
        if system.folds is None or self.selection.fold is not None:
            return
        for seed in self.selection.seeds_of(system):
            of_folds = [run for run in self.runs if run.system.name == system.name and run.seed == seed]
            tests = system.dev if self.decode_dev else system.test
            names = [(config, test) for config in system.decode for test in tests]
            for (config, test), *hypotheses in zip(names, *(run.hypotheses for run in of_folds), strict=True):
                yield pooled_node(system, seed, config, test, hypotheses)

    @cached_property
    def system_nodes(self) -> list[Node]:
        """All that stages 7 to 13 make; what several systems share is there once."""
        nodes = [node for run in self.to_make for node in run.nodes()]
        for run in self.runs:
            # What is taken from the kept results is there by now, but for a dry run.
            planned = [
                each for each in run.hypotheses if not (self.dry_run and self.use_results and self.is_at_hand(each))
            ]
            nodes += [node for each in planned for node in (each.node, score_node(each))]
        nodes += attention_nodes(self.to_make)
        nodes += [] if self.dry_run and self.use_results else self.score_nodes()
        return sorted(unique(nodes), key=lambda node: node.stage)  # stable


def run_stages(request: Request) -> None:
    """Go through the stages that were asked for."""
    ready: Request | None = None
    for stage in STAGES:
        if not request.wants(stage.number):
            continue
        asked = request
        if stage.plan == SYSTEMS:
            asked = ready = ready or _ready_systems(request)
        for each in _plan(stage, asked):
            if isinstance(each, str):
                print(f"stage {stage.number}: {each}", flush=True)
            else:
                build(each, asked)
        if asked.keep_results and not asked.dry_run and stage.number in (SCORING, TABLES):
            _keep(stage, asked)


def _keep(stage: Stage, request: Request) -> None:
    if stage.number == SCORING:
        print(f"stage {SCORING}: {request.kept.keep(request.runs)} sets kept in {request.kept.folder}")
        return
    for table in request.selection.tables:
        print(f"stage {TABLES}: kept as {request.kept.keep_table(table_file(request, table))}")


def _plan(stage: Stage, request: Request) -> Iterable[Node | str]:
    """What a stage makes: nodes, and lines to print."""
    if stage.plan == SYSTEMS:
        return [node for node in request.system_nodes if node.stage == stage.number]
    module, _, function = stage.plan.partition(":")
    found: Iterable[Node | str] = getattr(import_module(f"espnet_atat.steps.{module}"), function)(request)
    return found


def build(node: Node, request: Request) -> None:
    """Make a node, unless it is done; print what becomes of it."""
    line = f"stage {node.stage}: {node.title}"
    if node.is_done and not request.force:
        print(f"{line}: done already ({node.facts['seconds']:.0f} s), skipped", flush=True)
    elif request.dry_run:
        print(f"{line}: to be made{f' ({node.about})' if node.about else ''}", flush=True)
    else:
        print(f"{line}:", flush=True)
        node.build(force=request.force)
        lines = [*node.facts.get("summary", ()), f"{node.facts['seconds']:.1f} s"]
        print("\n".join(f"  {line}" for line in lines), flush=True)


def _ready_systems(request: Request) -> Request:
    """Take kept results, find mistakes early, run jobs; gives what is left to ask, ``--force`` no more after jobs."""
    if request.use_results:
        _take_kept(request)
    if request.dry_run:
        found = [run.training.first.problem for run in request.to_make if run.training]
        for problem in dict.fromkeys(str(each) for each in found if each is not None):
            print(f"stage {TOKENS}: {problem}")
        return request
    for run in request.to_make:
        run.check()
    if request.machines.jobs > 1:
        if request.force:  # once for all jobs: what several share is made once
            wanted = [node for node in request.system_nodes if request.wants(node.stage)]
            for node in wanted:
                node.check_needs(wanted)
            for node in wanted:
                node.remove()
            request = dataclasses.replace(request, force=False)
        run_jobs(list(_jobs(request)), request.machines)
    return request


def _take_kept(request: Request) -> None:
    """Copy kept results to where decoding and scoring would leave them."""
    for run in request.runs:
        for each in run.hypotheses:
            if each.node.is_done:
                continue
            if request.kept.has(each.node):
                print(f"stage {DECODING}: {each.folder}: taken from {request.kept.folder}")
                if not request.dry_run:
                    request.kept.take(each.node, score_node(each))
            elif why := request.kept.why_not(each.node):
                print(f"stage {DECODING}: {each.folder}: kept in {request.kept.folder}, but {why}")


def _jobs(request: Request) -> Iterator[Job]:
    """A job for each system, seed and fold that something is still to be made of, up to its scores."""
    for run in request.to_make:
        nodes = [*run.nodes(), *(each.node for each in run.hypotheses), *(score_node(each) for each in run.hypotheses)]
        missing = [node for node in nodes if request.wants(node.stage) and not node.is_done]
        if missing:
            makes = frozenset(node.place for node in missing if node.at is None)
            trains = {step.run.place for step in run.training.chain} if run.training else set()
            arguments = tuple(_job_arguments(run, request))
            yield Job(run.name, DRIVER, arguments, makes, makes & trains, run.folder / "job.log")


def _job_arguments(run: SystemRun, request: Request) -> Sequence[str]:
    """Of the driver, for one system with one seed and fold."""
    one = dataclasses.replace(request.selection, seeds=(run.seed,), fold=run.fold)
    first, last = max(request.stage, TOKENS), min(request.stop_stage, SCORING)
    arguments = [*one.arguments(run.system), "--stage", str(first), "--stop_stage", str(last)]
    arguments += ["--ngpu", str(request.machines.ngpu)]
    if readers("nj", first, last):
        arguments += ["--nj", str(max(1, request.nj // request.machines.jobs))]
    if request.machines.cpu_processes is not None:
        arguments += ["--cpu_processes", str(request.machines.cpu_processes)]
    return arguments + (["--decode_dev"] if request.decode_dev else [])
