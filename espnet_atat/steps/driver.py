"""How a call goes through the stages: what is done is skipped with a line that says so."""

import dataclasses
from collections.abc import Iterable, Iterator
from importlib import import_module

from espnet_atat.graph.launch import Job, run_jobs
from espnet_atat.graph.node import Node
from espnet_atat.stages import STAGES, SYSTEMS, Stage, options_between
from espnet_atat.steps.request import Request
from espnet_atat.steps.stage13_score import score_node
from espnet_atat.steps.stage14_table import table_file
from espnet_atat.steps.systems import Trial

DRIVER = "espnet_atat.bin.run"
#: Options of stages that a job is not given: some are part of the selection, others are for the call that starts jobs.
OF_CALL = {"seeds", "fold", "jobs", "command", "num_nodes", "keep_results", "use_results"}


def run_stages(request: Request) -> None:
    """Go through the stages that were asked for."""
    ready: Request | None = None
    for stage in STAGES:
        if not request.wants(stage):
            continue
        asked = request
        if stage.plan == SYSTEMS:
            asked = ready = ready or _ready_systems(request)
        for each in _plan(stage, asked):
            if isinstance(each, str):
                print(f"stage {stage}: {each}", flush=True)
            else:
                build(each, asked)
        if asked.keep_results and not asked.dry_run and stage in (Stage.SCORE, Stage.TABLE):
            _keep(stage, asked)


def _keep(stage: Stage, request: Request) -> None:
    """Keep scores, also after stage 14, which may run by itself: a kept table shows the figures of kept scores."""
    trials = [(trial.system, [each.node for each in trial.hypotheses], trial.needs) for trial in request.trials]
    print(f"stage {stage}: {request.kept.keep(trials)} sets kept in {request.kept.folder}")
    for table in request.selection.tables if stage == Stage.TABLE else ():
        print(f"stage {stage}: kept as {request.kept.keep_table(table_file(request, table))}")


def _plan(stage: Stage, request: Request) -> Iterable[Node | str]:
    """What a stage makes: nodes, and lines to print."""
    if stage.plan == SYSTEMS:
        return [node for node in request.system_nodes if node.stage == stage]
    module, _, function = stage.plan.partition(":")
    found: Iterable[Node | str] = getattr(import_module(f"espnet_atat.steps.{module}"), function)(request)
    return found


def build(node: Node, request: Request) -> None:
    """Make a node, unless it is done; print what becomes of it."""
    line = f"stage {node.stage}: {node.title}"
    if told := node.already(force=request.force):
        print(f"{line}: {told}", flush=True)
    elif request.dry_run:
        print(f"{line}: to be made{f' ({node.about})' if node.about else ''}", flush=True)
    else:
        print(f"{line}:", flush=True)
        node.build(force=request.force)
        lines = [*node.facts.get("summary", ()), f"{node.facts['seconds']:.1f} s"]
        print("\n".join(f"  {line}" for line in lines), flush=True)


def _ready_systems(request: Request) -> Request:
    """Take kept results, find mistakes early, run jobs.

    Returns:
        What is left to do after that: the request without ``--force`` if jobs have already obeyed it.
    """
    if request.use_results:
        _take_kept(request)
    if request.dry_run:
        found = [trial.training.first.problem for trial in request.to_make if trial.training]
        for problem in dict.fromkeys(str(each) for each in found if each is not None):
            print(f"stage {Stage.TOKENS}: {problem}")
        return request
    for trial in request.to_make:
        trial.check()
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
    for trial in request.trials:
        for each in trial.hypotheses:
            if each.node.is_done:
                continue
            if request.kept.has(each.node):
                print(f"stage {Stage.DECODE}: {each.folder}: taken from {request.kept.folder}")
                if not request.dry_run:
                    request.kept.take(each.node, score_node(each))
            elif why := request.kept.why_not(each.node):
                print(f"stage {Stage.DECODE}: {each.folder}: kept in {request.kept.folder}, but {why}")


def _jobs(request: Request) -> Iterator[Job]:
    """A job for each system, seed and fold that something is still to be made of, up to its scores."""
    for trial in request.to_make:
        results = [node for each in trial.hypotheses for node in (each.node, score_node(each))]
        missing = [node for node in [*trial.nodes(), *results] if request.wants(node.stage) and not node.is_done]
        if missing:
            makes = frozenset(node.place for node in missing if node.at is None)
            trains = {step.run.place for step in trial.training.chain} if trial.training else set()
            arguments = _job_arguments(trial, request)
            yield Job(trial.name, DRIVER, arguments, makes, makes & trains, trial.folder / "job.log")


def _job_arguments(trial: Trial, request: Request) -> tuple[str, ...]:
    """Arguments of a call of the driver for one system with one seed and fold."""
    one = dataclasses.replace(request.selection, seeds=(trial.seed,), fold=trial.fold)
    first, last = max(request.stage, Stage.TOKENS), min(request.stop_stage, Stage.SCORE)
    arguments = [*one.arguments(trial.system), "--stage", str(first), "--stop_stage", str(last)]
    values = {**vars(request.machines), **vars(request), "nj": max(1, request.nj // request.machines.jobs)}
    for option in options_between(first, last):
        value = None if option in OF_CALL else values[option]
        if value is True:
            arguments.append(f"--{option}")
        elif value not in (None, False):
            arguments += [f"--{option}", str(value)]
    return tuple(arguments)
