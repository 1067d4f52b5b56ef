"""Stages 7 to 14 of some systems, stage by stage: what is done is skipped with a line that says so."""

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from espnet_atat.errors import UserError
from espnet_atat.recipe.attention import attention_file, keep_attention
from espnet_atat.recipe.clock import timed
from espnet_atat.recipe.decoding import STAMP, Decoding, decode, load_trained, system_folder
from espnet_atat.recipe.hearing import hear
from espnet_atat.recipe.jobs import Job, run_jobs
from espnet_atat.recipe.language_model import LMTraining, plan_language_models, train_language_model
from espnet_atat.recipe.outline import outline
from espnet_atat.recipe.pipelines import (
    Understanding,
    check_pipelines,
    models_of,
    plan_hearings,
    plan_hypotheses,
    plan_run,
    taggers_of,
    understand_set,
)
from espnet_atat.recipe.plan import Training
from espnet_atat.recipe.planned import Planned
from espnet_atat.recipe.request import (
    DECODING,
    FINETUNING,
    LANGUAGE_MODEL,
    PRETRAINING,
    SCORING,
    STATISTICS,
    TABLE,
    TOKENS,
    Request,
)
from espnet_atat.recipe.results import is_kept, keep_results, keep_table, kept_folder, take_result
from espnet_atat.recipe.runs import Run
from espnet_atat.recipe.scoring import is_scored, score_decoding, score_folds
from espnet_atat.recipe.table import write_table
from espnet_atat.recipe.taggers import train_tagger
from espnet_atat.recipe.tokens import make_tokens
from espnet_atat.recipe.training import Machines, collect_statistics, train
from espnet_atat.report.plots import write_report


@dataclass(frozen=True)
class Step:
    """A run that a stage makes.

    Attributes:
        needs: runs of earlier steps that it reads.
    """

    stage: int
    run: Run
    make: Callable[[], None]
    needs: tuple[Run, ...] = ()


def run_stages(request: Request) -> None:
    """Go through the stages that were asked for.

    Raises:
        UserError: the plan cannot be made, an earlier stage is missing, or a step found a mistake of the user.
    """
    if request.stage < TABLE:
        try:
            runs = plan_runs(request)
        except UserError as error:
            if not request.dry_run:
                raise
            print(f"stages {TOKENS} to {TABLE}, named when the stages before are done ({error}):")
            for system in request.systems:
                print(*outline(system, request.seeds_of(system), request.folds_of(system)), sep="\n")
            return
        if request.use_results:
            taken = _take(runs, request)
            if request.dry_run:
                runs = [run for run in runs if run not in taken]  # nothing of theirs is to be made
        if request.stage <= DECODING and not request.dry_run:
            check_pipelines(_to_train(runs, request), request.tests_of)
        if request.jobs > 1 and not request.dry_run:
            if request.force:  # once for all jobs: what several share is made once
                forget(_to_train(runs, request), request)
                request = replace(request, force=False)
            run_jobs(plan_jobs(runs, request), request.jobs, request.machines.command)
        steps = training_steps(_to_train(runs, request), request)
        if request.wants(LANGUAGE_MODEL) and not any(step.stage == LANGUAGE_MODEL for step in steps):
            print(f"stage {LANGUAGE_MODEL}: no system decodes with a language model (lm_weight), skipped")
        for step in steps:
            _training_step(step, request)
        if request.wants(DECODING):
            _decode(runs, request)
            keep_attention(runs, request.tests_of, force=request.force, dry_run=request.dry_run)
        if request.wants(SCORING):
            _score(runs, request)
            if request.keep_results and not request.dry_run:
                kept = keep_results(_decodings(runs, request))
                print(f"stage {SCORING}: {kept} sets kept in {kept_folder(request.recipe)}")
    if request.wants(TABLE) and not request.dry_run:
        systems_by_name = {system.name: system for system in request.systems}
        for table in request.tables:
            systems = [systems_by_name[name] for name in table.systems]
            path = write_table(table, systems, request.seeds, request.fold, dev=request.decode_dev)
            page = write_report(json.loads(path.read_text(encoding="utf-8")), path.parent, path.stem)
            print(f"stage {TABLE}: wrote {path}, {path.stem}.md, {path.stem}.tex and {page.name} with its plots")
            if request.keep_results:
                print(f"stage {TABLE}: kept as {keep_table(request.recipe, path)}")


def plan_runs(request: Request) -> list[Planned]:
    """Every system with every seed and fold."""
    return [
        plan_run(system, seed, fold)
        for system in request.systems
        for seed in request.seeds_of(system)
        for fold in request.folds_of(system)
    ]


def training_steps(runs: Iterable[Planned], request: Request) -> list[Step]:
    """Stages 7 to 11 in their order; what several systems share stands there once."""
    steps: dict[tuple[int, str], Step] = {}

    def add(stage: int, run: Run, make: Callable[[], None], *needs: Run) -> None:
        steps.setdefault((stage, str(run.folder)), Step(stage, run, make, needs))

    for run in runs:
        tests = request.tests_of(run.system)
        for tagger in taggers_of(run):
            add(FINETUNING, tagger.run, partial(train_tagger, tagger))
        for hearing in plan_hearings(run, tests):
            add(DECODING, hearing.run, partial(hear, hearing))
        for model, heard in models_of(run, tests):
            for training in model.final.chain:
                _add_training(add, training, request.machines)
            for language_model in plan_language_models(model, heard):
                _add_language_model(add, language_model, request.machines)
    return sorted(steps.values(), key=lambda step: step.stage)  # stable: a run comes after those it needs


def plan_jobs(runs: Iterable[Planned], request: Request) -> list[Job]:
    """A job for each system, seed and fold that something is still to be made of, up to its scores."""
    jobs = []
    for run in _to_train(runs, request):
        steps = [step for step in training_steps([run], request) if request.wants(step.stage)]
        makes = {step.run.folder for step in steps if not step.run.is_done}
        if request.wants(DECODING):
            makes |= {decoding.folder for decoding in _decodings([run], request) if not decoding.is_done}
        if makes:
            name = f"{run.system.name}/{run.label}"
            log = system_folder(request.recipe, run.system.name, run.label) / "job.log"
            arguments = tuple(_job_arguments(run, request))
            models = (model for model, _ in models_of(run, request.tests_of(run.system)))
            trains = {training.run.folder for model in models for training in model.final.chain}
            jobs.append(Job(name, arguments, frozenset(makes), log, request.machines.ngpu, frozenset(makes & trains)))
    return jobs


def _job_arguments(run: Planned, request: Request) -> list[str]:
    """Of ``bin.run_systems``, for one system alone."""
    machines = request.machines
    arguments = ["--recipe", request.recipe, "--system", run.system.name, "--seeds", str(run.seed)]
    arguments += ["--stage", str(request.stage), "--stop_stage", str(min(request.stop_stage, SCORING))]
    arguments += ["--ngpu", str(machines.ngpu), "--nj", str(max(1, request.nj // request.jobs))]
    if run.fold is not None:
        arguments += ["--fold", str(run.fold)]
    if machines.cpu_processes is not None:
        arguments += ["--cpu_processes", str(machines.cpu_processes)]
    arguments += [word for option in run.system.overrides for word in shlex.split(option)]
    return arguments + (["--decode_dev"] if request.decode_dev else [])


def forget(runs: Iterable[Planned], request: Request) -> None:
    """Take away what ``--force`` makes anew."""
    runs = list(runs)
    for step in training_steps(runs, request):
        if request.wants(step.stage):
            step.run.remove()
    if request.wants(DECODING):
        for decoding in _decodings(runs, request):
            (decoding.folder / STAMP).unlink(missing_ok=True)
            own_asr = decoding.words if isinstance(decoding, Understanding) else decoding
            if isinstance(own_asr, Decoding):
                (own_asr.folder / STAMP).unlink(missing_ok=True)
                attention_file(own_asr).unlink(missing_ok=True)


def _take(runs: Iterable[Planned], request: Request) -> list[Planned]:
    """Results that are kept, in place of training; returns the runs of which nothing else is wanted."""
    taken = []
    for run in runs:
        decodings = _decodings([run], request)
        found = [decoding for decoding in decodings if not decoding.is_done and is_kept(decoding)]
        for decoding in found:
            print(f"stage {DECODING}: {decoding.folder}: taken from {kept_folder(request.recipe)}")
            if not request.dry_run:
                take_result(decoding)
        if len(found) == len(decodings):
            taken.append(run)
    return taken


def _to_train(runs: Iterable[Planned], request: Request) -> list[Planned]:
    """The runs whose models are needed: all of them, unless their kept results are in use."""
    if not request.use_results:
        return list(runs)
    return [run for run in runs if not all(each.is_done or is_kept(each) for each in _decodings([run], request))]


def _add_training(add: Callable[..., None], training: Training, machines: Machines) -> None:
    parent = training.parent
    stages = (TOKENS, STATISTICS, PRETRAINING) if parent is None else (FINETUNING,) * 3
    tokens, statistics = training.tokens, training.statistics
    add(stages[0], tokens, lambda: make_tokens(training), *((parent.tokens,) if parent else ()))
    # A fine-tuning's encoder is built as its parent's was.
    add(stages[1], statistics, lambda: collect_statistics(training), tokens, *((parent.run,) if parent else ()))
    trains = (tokens, statistics, *((parent.run, parent.tokens) if parent else ()))
    add(stages[2], training.run, lambda: train(training, machines), *trains)


def _add_language_model(add: Callable[..., None], planned: LMTraining, machines: Machines) -> None:
    training, tokens = planned.training, planned.training.tokens
    if training.parent is not None:  # stage 11 grows them too late
        add(LANGUAGE_MODEL, tokens, lambda: make_tokens(training), training.parent.tokens)
    add(LANGUAGE_MODEL, planned.run, lambda: train_language_model(planned, machines), tokens)


def _training_step(step: Step, request: Request) -> None:
    if not request.wants(step.stage):
        return
    name = f"stage {step.stage}: {step.run.folder}"
    if step.run.is_done and not request.force:
        print(f"{name}: done already ({step.run.facts['seconds']:.0f} s), skipped")
        return
    print(f"{name}{':' if not request.dry_run else ': to be made'}", flush=True)
    if request.dry_run:
        return
    for needed in step.needs:
        if not needed.is_done:
            raise UserError(
                f"{needed.folder} is not there or not finished, and {step.run.folder} needs it: {_earlier(step)}"
            )
    if request.force:
        step.run.remove()
    with timed(request.recipe, step.stage, str(step.run.folder)):
        step.make()


def _earlier(step: Step) -> str:
    return f"run the stages before {step.stage} too (--stage 1)"


def _decodings(runs: Iterable[Planned], request: Request) -> list[Decoding | Understanding]:
    return [
        plan_hypotheses(run, config, test)
        for run in runs
        for config in run.system.decode
        for test in request.tests_of(run.system)
    ]


def _decode(runs: Sequence[Planned], request: Request) -> None:
    """Stage 12; each model is loaded once, and not at all where all its sets are decoded."""
    for _, group in groupby(_decodings(runs, request), key=lambda decoding: decoding.run.needs):
        trained = None
        for decoding in group:
            name = f"stage {DECODING}: {decoding.folder}"
            if decoding.is_done and not request.force:
                print(f"{name}: done already, skipped")
                continue
            print(f"{name}{':' if not request.dry_run else ': to be made'}", flush=True)
            if request.dry_run:
                continue
            for needed in decoding.run.needs:
                if not needed.is_done:
                    raise UserError(f"{needed.folder} is not there or not finished: run stages 10 and 11")
            with timed(request.recipe, DECODING, str(decoding.folder)):
                if isinstance(decoding, Understanding):
                    understand_set(decoding, request.nj, force=request.force)
                    continue
                trained = trained or load_trained(decoding.run)
                decode(decoding, trained, request.nj)


def _score(runs: Sequence[Planned], request: Request) -> None:
    """Stage 13: each set, then the pooled folds of a cross validation."""
    for decoding in _decodings(runs, request):
        name = f"stage {SCORING}: {decoding.folder}"
        if is_scored(decoding) and not request.force:
            print(f"{name}: done already, skipped")
        elif request.dry_run:
            print(f"{name}: to be made")
        else:
            print(f"{name}:", flush=True)
            with timed(request.recipe, SCORING, str(decoding.folder)):
                score_decoding(decoding)
    if request.dry_run or request.fold is not None:
        return
    for system in request.systems:
        if system.folds is not None:
            for seed in request.seeds_of(system):
                for config in system.decode:
                    for test in request.tests_of(system):
                        score_folds(system, seed, config, test)
