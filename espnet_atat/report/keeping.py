"""Which hypotheses, trainings and tables are kept in a recipe's ``results``, and taken from there.

A result is kept with the key of its hypotheses, which covers the model, its configuration and its data, and only taken
for hypotheses of the same key: after a change of either the model is trained again.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from espnet_atat.config.layout import EGS, EXP
from espnet_atat.config.rows import table_contents
from espnet_atat.config.system import System
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node, identity_of, lineage
from espnet_atat.graph.work import working
from espnet_atat.report.amounts import training_amounts
from espnet_atat.report.kept import LEARNING, TRAINING, KeptResults
from espnet_atat.report.learning import collect_curves

METRICS = "metrics.json"


class Scored(Protocol):
    """Hypotheses with their scores: where they lie and what they were made from."""

    @property
    def node(self) -> Node: ...


class Run(Protocol):
    """A system with one seed and fold, as ``steps.systems`` plans it."""

    @property
    def system(self) -> System: ...
    @property
    def label(self) -> str: ...
    @property
    def needs(self) -> tuple[Node, ...]: ...
    @property
    def hypotheses(self) -> tuple[Scored, ...]: ...


class Keeper:
    """A recipe's kept results, by what was planned."""

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.folder = EGS / recipe / "results"
        self._kept = KeptResults(self.folder)

    def has(self, hypotheses: Node) -> bool:
        """Whether a result of the model, configuration and data as they are now is kept."""
        try:
            return self._kept.made_from(self._place(hypotheses.place)) == hypotheses.key
        except UserError:  # something that the key covers is not there
            return False

    def take(self, hypotheses: Node, scores: Node) -> None:
        """Write a kept result, and how its model was trained, to where decoding and scoring would have left it."""
        place = self._place(hypotheses.place)
        found = self._kept.set_at(place)
        assert found is not None
        with working(hypotheses.place, hypotheses.key, notes={"stage": hypotheses.stage, "kept": True}) as work:
            for name, text in (("ref", found.ref), ("hyp", found.hyp)):
                (work / name).write_bytes(text.encode())
        with working(scores.place, scores.key, file=True, notes={"stage": scores.stage, "kept": True}) as work:
            (work / METRICS).write_bytes(found.metrics.encode())
        self._kept.restore_training("/".join(place.split("/")[:2]), hypotheses.place.parents[1])

    def keep(self, runs: Iterable[Run]) -> int:
        """Keep what is decoded and scored; returns the number of sets.

        A set whose model was not trained here, but was itself taken from here, stays as it is.
        """
        count = 0
        for run in runs:
            table = self._table_of(run.system.name)
            scored = [
                each.node for each in run.hypotheses if each.node.is_done and (each.node.place / METRICS).is_file()
            ]
            if not scored or not all(node.is_done for node in run.needs):
                continue
            for node in scored:
                self._kept.put(self._place(node.place), node.key, node.place, table=table)
            folders = list(dict.fromkeys(folder for node in run.needs for folder in lineage(node.place)))
            self._kept.put_training(
                f"{run.system.name}/{run.label}", _described(run, folders), collect_curves(folders), table=table
            )
            count += len(scored)
        self._kept.save()
        return count

    def keep_table(self, path: Path) -> Path:
        """Keep a table's JSON file; returns its archive."""
        archive = self._kept.put_table(path.stem, json.loads(path.read_text(encoding="utf-8")))
        self._kept.save()
        return archive

    def _place(self, folder: Path) -> str:
        """Its name among the kept results."""
        return folder.relative_to(EXP / self.recipe).as_posix()

    def _table_of(self, row: str) -> str:
        """The table that defines a row keeps its results."""
        contents = table_contents(self.recipe).items()
        return next(name for name, (_, content) in contents if content["rows"].get(row) is not None)


def _described(run: Run, folders: list[Path]) -> dict[str, Any]:
    """How a system was trained: its amounts and, below ``runs``, every run that its model needed."""
    first_stage = run.system.first_stage
    foreign = first_stage is not None and first_stage.is_foreign
    identities = {folder.name: identity_of(folder) for folder in folders}
    return {"amounts": training_amounts(folders, foreign=foreign), "runs": identities}


def kept_amounts(results: Path) -> dict[str, Any] | None:
    """``training_amounts`` of results that were taken from the kept ones; None where they were made here.

    Args:
        results: folder of a system's seed and fold.

    Raises:
        UserError: the file is malformed.
    """
    file = results / TRAINING
    if not file.is_file():
        return None
    content: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    try:
        return dict(content["amounts"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: holds no amounts: remove it, and what lies beside it") from error


def kept_learning(results: Iterable[Path]) -> list[str]:
    """Files of the learning curves that came with kept results."""
    files = [folder / LEARNING for folder in results]
    return [str(file) for file in files if file.is_file()]
