"""Choose an option of the search, such as ``lm_weight``, on dev sets: never on test sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import EXP
from espnet_atat.config.selection import Selection
from espnet_atat.errors import UserError
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.steps.stage12_decode import Decoding
from espnet_atat.steps.stage13_score import METRICS, score_node
from espnet_atat.steps.systems import model_of, plan_system

#: What is chosen by: exact match of trees.
FIGURE = "em_full"


@dataclass(frozen=True)
class Trial:
    """One value of the option on one dev set, in shares (not per cent)."""

    system: str
    set: str
    value: float
    exact_match: float
    interval: tuple[float, float]


def tune(selection: Selection, config_name: str, option: str, values: Sequence[float], nj: int) -> list[Trial]:
    """Decode the systems' dev sets of trees with each value; what is decoded already is not decoded again.

    Of several seeds the first is taken.

    Raises:
        UserError: no system has such a set, a model is not trained yet, or the search knows no such option.
    """
    trials = []
    for system in selection.systems:
        if system.folds is not None and selection.fold is None:
            raise UserError(f"system {system.name} is a cross validation: choose on one fold (--fold)")
        run = model_of(plan_system(system, selection.seeds_of(system)[0], selection.fold, dev=True, nj=nj))
        for test in (test for test in run.tests if test.wants_trees):
            for value in values:
                decoding = run.decoding(config_name, test, **{option: value})
                for node in (decoding.node, score_node(decoding)):
                    if not node.is_done:
                        node.build()
                trials.append(_trial(decoding, value))
    if not trials:
        names = ", ".join(system.name for system in selection.systems)
        raise UserError(f"{names}: no dev set of trees to choose on")
    return trials


def _trial(decoding: Decoding, value: float) -> Trial:
    figure = read_metrics(decoding.folder / METRICS)["figures"][FIGURE]
    return Trial(decoding.system.name, decoding.test.set, value, figure["value"], tuple(figure["interval"]))


def means(trials: Sequence[Trial]) -> dict[float, float]:
    """Value → exact match, each dev set counted alike."""
    return {
        value: sum(found) / len(found)
        for value in dict.fromkeys(trial.value for trial in trials)
        if (found := [trial.exact_match for trial in trials if trial.value == value])
    }


def best_value(trials: Sequence[Trial]) -> float:
    """The value with the highest mean; of equal ones the smallest."""
    found = means(trials)
    return min(found, key=lambda value: (-found[value], value))


def write_trials(recipe: str, config_name: str, option: str, trials: Sequence[Trial]) -> Path:
    """Write ``exp/<recipe>/tuning/<systems>.<inference config>.<option>.json``."""
    systems = "+".join(dict.fromkeys(trial.system for trial in trials))
    content: dict[str, Any] = {
        "option": option,
        "inference_config": config_name,
        "best": best_value(trials),
        "means": [{"value": value, "exact_match": mean} for value, mean in means(trials).items()],
        "trials": [vars(trial) for trial in trials],
    }
    path = EXP / recipe / "tuning" / f"{systems}.{config_name}.{option}.json"
    with atomic_write(path) as handle:
        json.dump(content, handle, indent=1)
        handle.write("\n")
    return path
