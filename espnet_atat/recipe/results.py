"""Results that outlive the runs they came from: ``egs2/atat/<recipe>/results`` mirrors ``exp/<recipe>``.

results/<system>/<seed and fold>/<inference configuration>/<set>/{ref,hyp,metrics.json,decoded}
results/<system>/<seed and fold>/training.json      what the model was made with, and how much
results/<system>/<seed and fold>/learning.json      its runs' learning curves (report.learning)
results/tables/<name>.{json,md}                     tables of them (recipe.table)

A result is kept with the fingerprint of the model's configuration and data (``decoded``), and only taken for one of the
same fingerprint: after a change of either the model is trained again.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.atomic import atomic_dir, atomic_write
from espnet_atat.config.layout import EGS, EXP
from espnet_atat.errors import UserError
from espnet_atat.recipe.amounts import training_amounts
from espnet_atat.recipe.decoding import STAMP, Hypotheses, system_folder
from espnet_atat.recipe.planned import Planned
from espnet_atat.recipe.runs import lineage
from espnet_atat.recipe.scoring import is_scored
from espnet_atat.report.learning import write_curves

FILES = ("ref", "hyp", "metrics.json", STAMP)
TRAINING = "training.json"
LEARNING = "learning.json"


def kept_folder(recipe: str) -> Path:
    """Where a recipe's results are kept."""
    return EGS / recipe / "results"


def keep_results(decodings: Iterable[Hypotheses]) -> int:
    """Copy what is decoded and scored into the recipe's ``results``; returns the number of sets.

    A set whose model was not trained here, but was itself taken from there, stays as it is.
    """
    kept = 0
    for decoding in decodings:
        run = decoding.run
        if not is_scored(decoding) or not all(needed.is_done for needed in run.needs):
            continue
        target = _place(decoding)
        with atomic_dir(target) as folder:
            for name in FILES:
                shutil.copyfile(decoding.folder / name, folder / name)
        with atomic_write(target.parents[1] / TRAINING) as handle:
            json.dump(describe_training(run), handle, indent=1, ensure_ascii=False)
            handle.write("\n")
        write_curves(_runs_of(run), target.parents[1] / LEARNING)
        kept += 1
    return kept


def keep_table(recipe: str, path: Path) -> Path:
    """Copy a table's JSON and Markdown files into the recipe's ``results``; returns the JSON's copy."""
    content = json.loads(path.read_text(encoding="utf-8"))
    target = kept_folder(recipe) / "tables" / path.name
    with atomic_write(target) as handle:
        json.dump(content, handle, separators=(",", ":"), ensure_ascii=False)
        handle.write("\n")
    shutil.copyfile(path.with_suffix(".md"), target.with_suffix(".md"))
    return target


def is_kept(decoding: Hypotheses) -> bool:
    """Whether a result of the model, configuration and data as they are now is kept."""
    stamp = _place(decoding) / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == decoding.made_from


def take_result(decoding: Hypotheses) -> None:
    """Copy a kept result to where decoding would have left it."""
    source = _place(decoding)
    with atomic_dir(decoding.folder) as folder:
        for name in FILES:
            shutil.copyfile(source / name, folder / name)
    for name in (TRAINING, LEARNING):
        if (source.parents[1] / name).is_file():
            shutil.copyfile(source.parents[1] / name, decoding.folder.parents[1] / name)


def _place(decoding: Hypotheses) -> Path:
    """Where its result is kept."""
    recipe = decoding.run.system.recipe
    return kept_folder(recipe) / decoding.folder.relative_to(EXP / recipe)


def describe_training(run: Planned) -> dict[str, Any]:
    """A trained system's amounts (see ``amounts.training_amounts``) and, below ``runs``, all that it stands on.

    Raises:
        UserError: one of the runs was removed.
    """
    runs = _runs_of(run)
    identities = {folder.name: yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8")) for folder in runs}
    return {"amounts": training_amounts(runs, foreign=run.reads_foreign_words), "runs": identities}


def _runs_of(run: Planned) -> list[Path]:
    """All that a system's model stands on."""
    return list(dict.fromkeys(folder for needed in run.needs for folder in lineage(needed.folder)))


def kept_learning(recipe: str, system: str, labels: Iterable[str]) -> list[str]:
    """Files of the learning curves that came with kept results, of some seeds and folds."""
    files = [system_folder(recipe, system, label) / LEARNING for label in labels]
    return [str(file) for file in files if file.is_file()]


def kept_amounts(recipe: str, system: str, label: str) -> dict[str, Any] | None:
    """``training_amounts`` of a result that was taken from the kept ones; None where it was made here."""
    file = system_folder(recipe, system, label) / TRAINING
    if not file.is_file():
        return None
    content: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    try:
        return dict(content["amounts"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: holds no amounts: remove it, and what lies beside it") from error
