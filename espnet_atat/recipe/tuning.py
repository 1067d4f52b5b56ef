"""Choose an option of the search, such as ``lm_weight``, on dev sets: never on test sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import EXP
from espnet_atat.config.selection import Selection
from espnet_atat.data.mixture import TREE_TASKS
from espnet_atat.errors import UserError
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.recipe.decoding import Decoding, decode, load_trained, plan_variant
from espnet_atat.recipe.plan import plan_system
from espnet_atat.recipe.scoring import is_scored, score_decoding

if TYPE_CHECKING:
    from espnet_atat.decode.trained import Trained

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
    seed: int = 1


def tune(selection: Selection, config_name: str, option: str, values: Sequence[float], nj: int) -> list[Trial]:
    """Decode the systems' dev sets of trees with each value; what is decoded already is not again.

    Of a system's seeds the first is taken, unless the selection names seeds.

    Raises:
        UserError: no system has such a set, a model is not trained yet, or the search knows no such option.
    """
    trials = []
    for system in selection.systems:
        if system.pipeline is not None:
            raise UserError(f"system {system.name} is a pipeline: the search of its words has no trees to choose by")
        if system.folds is not None:
            raise UserError(f"system {system.name} is a cross validation: it has no dev set of its own to choose on")
        for seed in selection.seeds or system.seeds[:1]:
            run, trained = plan_system(system, seed, selection.fold), None
            for test in (test for test in system.dev if test.task.partition("+")[0] in TREE_TASKS):
                if not run.final.run.is_done:
                    raise UserError(f"{run.final.run.folder} is not there or not finished: run stages 7 to 11")
                for value in values:
                    decoding = plan_variant(run, config_name, test, **{option: value})
                    trained = _make(decoding, trained, nj)
                    trials.append(_trial(decoding, value))
    if not trials:
        raise UserError(f"{', '.join(system.name for system in selection.systems)}: no dev set of trees to choose on")
    return trials


def _make(decoding: Decoding, trained: "Trained | None", nj: int) -> "Trained | None":
    """Decode and score; the model is read when first wanted."""
    if not decoding.is_done:
        trained = trained or load_trained(decoding.run)
        decode(decoding, trained, nj)
    if not is_scored(decoding):
        score_decoding(decoding)
    return trained


def _trial(decoding: Decoding, value: float) -> Trial:
    figure = read_metrics(decoding.folder / "metrics.json")["figures"][FIGURE]
    return Trial(
        decoding.run.system.name,
        decoding.test.set,
        value,
        figure["value"],
        tuple(figure["interval"]),
        decoding.run.seed,
    )


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
