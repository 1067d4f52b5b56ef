"""Stage 15: a system's model with its scores as one file, ``exp/<recipe>/packages/<recipe>_<system>_seed<N>.zip``."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.config.layout import EXP, conf_file, load_yaml
from espnet_atat.errors import UserError
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.package.manifest import TASK_DEFAULTS, Manifest, figures_of, search_options
from espnet_atat.package.reader import read_manifest
from espnet_atat.package.writer import Sources, write_package
from espnet_atat.recipe.decoding import Decoding, plan_decoding, source_of
from espnet_atat.recipe.fingerprint import digest
from espnet_atat.recipe.plan import SystemRun
from espnet_atat.recipe.results import is_kept
from espnet_atat.recipe.runs import commit
from espnet_atat.recipe.scoring import is_scored

#: Form of what is packed; part of the fingerprint, so that a newer form is packed anew.
FORM = 1


def package_file(run: SystemRun) -> Path:
    """Where a system's package lies."""
    recipe, name = run.system.recipe, run.system.name
    return EXP / recipe / "packages" / f"{recipe}_{name}_{run.label}.zip"


def is_packed(run: SystemRun) -> bool:
    """Whether the package is of the model and the scores as they are now."""
    if not package_file(run).is_file():
        return False
    try:
        return read_manifest(package_file(run)).made_from == _made_from(run)
    except UserError:
        return False


def has_results_alone(run: SystemRun) -> bool:
    """Whether the scores are here, or kept, and the model is not (``--use_results``)."""
    return not run.final.run.is_done and all(each.is_done or is_kept(each) for each in _decodings(run))


def pack_system(run: SystemRun, check: Callable[[Path], None]) -> Path:
    """Pack a system.

    Args:
        check: loads the finished package; raises if that fails.

    Raises:
        UserError: the model is not trained, or a test set not scored.
    """
    start = time.monotonic()
    decodings = _decodings(run)
    training = run.final
    if not training.run.is_done:
        raise UserError(f"{training.run.folder} is not there or not finished: run stages 10 and 11")
    for decoding in decodings:
        if not is_scored(decoding):
            raise UserError(f"{decoding.folder}: not scored with the model as it is now: run stages 12 and 13")
    language_models = [each.language_model for each in decodings if each.language_model is not None]
    lm_config, lm_file = None, None
    if language_models:
        lm_config, lm_file = language_models[0].train_config, language_models[0].model_file
    sources = Sources(
        train_config=training.run.folder / "config.yaml",
        model_file=training.model_file,
        text_tokenizer=training.text_tokenizer,
        lm_train_config=lm_config,
        lm_file=lm_file,
    )
    path = package_file(run)
    manifest = write_package(sources, _manifest(run, decodings), path, check)
    size = path.stat().st_size / 1e6
    print(
        f"  wrote {path}: {size:.1f} MB, {manifest.parameters} parameters, scores of {len(decodings)} decodings, "
        f"{time.monotonic() - start:.1f} s"
    )
    return path


def _decodings(run: SystemRun) -> list[Decoding]:
    return [plan_decoding(run, config, test) for config in run.system.decode for test in run.system.test]


def _made_from(run: SystemRun) -> str:
    scores = [str((each.folder / "metrics.json").stat().st_mtime_ns) for each in _decodings(run) if is_scored(each)]
    return digest([FORM, __version__, run.final.run.key, run.final.model, scores])


def _manifest(run: SystemRun, decodings: Sequence[Decoding]) -> Manifest:
    system = run.system
    of_fold = [f"--fold {run.fold}"] if run.fold is not None else []
    chosen = " ".join([f"--seeds {run.seed}", *of_fold, *system.overrides])
    return Manifest(
        name=f"{system.recipe}_{system.name}_{run.label}",
        title=system.title,
        tasks=_tasks(run),
        decode=search_options(load_yaml(conf_file(system.recipe, system.decode[0]))),  # whose figures lead
        trained_on=tuple(
            {"phase": "pretrain" if step.parent is None else "finetune", "task": part.task, "set": part.set}
            for step in run.final.chain
            for part in step.mixtures.train
        ),
        results=tuple(_result(decoding) for decoding in decodings),
        command=f"./run.sh --recipe {system.recipe} --system {system.name} {chosen}",
        versions={"commit": commit()},
        made_from=_made_from(run),
    )


def _tasks(run: SystemRun) -> dict[str, str]:
    """The label of each kind of input: that of the first test set of that kind, else the usual one.

    A model that was fine-tuned on text alone understands speech under the text's label.
    """
    tested: dict[str, str] = {}
    for test in run.system.test:
        tested.setdefault(source_of(test), test.task)
    return {**TASK_DEFAULTS, **tested}


def _result(decoding: Decoding) -> Mapping[str, Any]:
    metrics = read_metrics(decoding.folder / "metrics.json")
    return {
        "set": decoding.test.set,
        "task": decoding.test.task,
        "config": decoding.config_name,
        "utterances": metrics["utterances"],
        "figures": figures_of(metrics),
    }
