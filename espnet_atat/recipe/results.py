"""Kept results by what was planned: which hypotheses, trainings and tables go to and come from ``report.kept``.

A result is kept with the fingerprint of the model's configuration and data (``decoded``), and only taken for one of the
same fingerprint: after a change of either the model is trained again.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.errors import UserError
from espnet_atat.recipe.amounts import training_amounts
from espnet_atat.recipe.decoding import Hypotheses, system_folder
from espnet_atat.recipe.layout import EGS, EXP
from espnet_atat.recipe.runs import lineage
from espnet_atat.recipe.scoring import is_scored
from espnet_atat.recipe.system import Planned
from espnet_atat.recipe.table_file import load_table
from espnet_atat.report.kept import LEARNING, TRAINING, KeptResults
from espnet_atat.report.learning import collect_curves


def kept_folder(recipe: str) -> Path:
    """Where a recipe's results are kept."""
    return EGS / recipe / "results"


def keep_results(recipe: str, decodings: Iterable[Hypotheses]) -> int:
    """Keep what is decoded and scored; returns the number of sets.

    A set whose model was not trained here, but was itself taken from there, stays as it is.
    """
    kept = KeptResults(kept_folder(recipe))
    tables = tables_of_rows(recipe)
    trainings: dict[str, Planned] = {}
    count = 0
    for decoding in decodings:
        run = decoding.run
        if not is_scored(decoding) or not all(needed.is_done for needed in run.needs):
            continue
        table = tables.get(run.system.name, run.system.name)
        kept.put(_place(decoding), decoding.made_from, decoding.folder, table=table)
        trainings[f"{run.system.name}/{run.label}"] = run
        count += 1
    for place, run in trainings.items():
        table = tables.get(run.system.name, run.system.name)
        kept.put_training(place, describe_training(run), collect_curves(_runs_of(run)), table=table)
    kept.save()
    return count


def tables_of_rows(recipe: str) -> dict[str, str]:
    """System → the table whose archive keeps it: of those that show it the first of table1, table2 …, then by name."""

    def rank(name: str) -> tuple[bool, int, str]:
        number = re.fullmatch(r"table(\d+)", name)
        return number is None, int(number[1]) if number else 0, name

    tables: dict[str, str] = {}
    for name in sorted((file.stem for file in (EGS / recipe / "tables").glob("*.yaml")), key=rank):
        for system in load_table(recipe, name).systems:
            tables.setdefault(system, name)
    return tables


def keep_table(recipe: str, path: Path) -> Path:
    """Keep a table's JSON file; returns its archive."""
    kept = KeptResults(kept_folder(recipe))
    archive = kept.put_table(path.stem, json.loads(path.read_text(encoding="utf-8")))
    kept.save()
    return archive


def is_kept(decoding: Hypotheses) -> bool:
    """Whether a result of the model, configuration and data as they are now is kept."""
    return KeptResults(kept_folder(decoding.run.system.recipe)).made_from(_place(decoding)) == decoding.made_from


def take_result(decoding: Hypotheses) -> None:
    """Write a kept result to where decoding would have left it."""
    KeptResults(kept_folder(decoding.run.system.recipe)).restore(_place(decoding), decoding.folder)


def _place(decoding: Hypotheses) -> str:
    """Its name among the kept results."""
    return decoding.folder.relative_to(EXP / decoding.run.system.recipe).as_posix()


def describe_training(run: Planned) -> dict[str, Any]:
    """A trained system's amounts (see ``amounts.training_amounts``) and, below ``runs``, every run its model needed.

    Raises:
        UserError: one of the runs was removed.
    """
    runs = _runs_of(run)
    identities = {folder.name: yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8")) for folder in runs}
    return {"amounts": training_amounts(runs, foreign=run.reads_foreign_words), "runs": identities}


def _runs_of(run: Planned) -> list[Path]:
    """Every run that a system's model needed."""
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
