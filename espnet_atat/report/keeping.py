"""Which hypotheses, trainings and tables are kept in a recipe's ``results``, and taken from there.

A set is kept with the key of its hypotheses, which covers the model, its configuration and its data, and only taken
for hypotheses of the same key: after a change of either the model is trained again.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import EGS, EXP
from espnet_atat.config.rows import table_contents
from espnet_atat.config.two_stage import FOREIGN
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node, identity_of, lineage
from espnet_atat.graph.work import working
from espnet_atat.report.amounts import training_amounts
from espnet_atat.report.archives import Archives
from espnet_atat.report.learning import collect_curves
from espnet_atat.strict_json import read_json

if TYPE_CHECKING:
    from espnet_atat.steps.systems import SystemRun

METRICS = "metrics.json"
#: Kept beside ``ref``, ``hyp`` and ``metrics.json``: the key of the hypotheses.
KEY = "key"
#: Kept of a system, seed and fold: what it took, with every run that its model needed, and its learning curves.
TRAINING = "training.json"
LEARNING = "learning.json"


class Keeper:
    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.folder = EGS / recipe / "results"
        self._archives = Archives(self.folder)

    def has(self, hypotheses: Node) -> bool:
        """Whether a result of the model, configuration and data as they are now is kept."""
        try:
            return self._archives.texts.get(self._path(hypotheses.place / KEY)) == hypotheses.key
        except UserError:  # something that the key covers is not there
            return False

    def why_not(self, hypotheses: Node) -> str | None:
        """Why a kept result is not taken; None where none is kept, or it is taken."""
        kept = self._archives.texts.get(self._path(hypotheses.place / KEY))
        try:
            if kept in (None, hypotheses.key):
                return None
        except UserError as error:
            return f"what it is made from is not all here to compare: {error}"
        return f"it is of another version of the model, its configuration or the data ({kept}, now {hypotheses.key})"

    def take(self, hypotheses: Node, scores: Node) -> None:
        """Write a kept result, and how its model was trained, to where decoding and scoring would have left it."""
        kept, folder = self._archives.texts, hypotheses.place
        with working(folder, hypotheses.key, notes={"stage": hypotheses.stage, "kept": True}) as work:
            for name in ("ref", "hyp"):
                (work / name).write_bytes(kept[self._path(folder / name)].encode())
        with working(scores.place, scores.key, file=True, notes={"stage": scores.stage, "kept": True}) as work:
            (work / METRICS).write_bytes(kept[self._path(scores.place)].encode())
        for file in (folder.parents[1] / TRAINING, folder.parents[1] / LEARNING):
            if (text := kept.get(self._path(file))) is None:
                file.unlink(missing_ok=True)
                continue
            with atomic_write(file) as handle:
                handle.write(text)

    def keep(self, runs: "Iterable[SystemRun]") -> int:
        """Keep what is decoded and scored, with the table that defines the row; returns the number of sets.

        A set whose model was not trained here, but was itself taken from here, stays as it is.
        """
        count = 0
        texts: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
        for run in runs:
            scored = [
                each.node for each in run.hypotheses if each.node.is_done and (each.node.place / METRICS).is_file()
            ]
            if not scored or not all(node.is_done for node in run.needs):
                continue
            count += len(scored)
            of_table = texts[self._table_of(run.system.name)]
            for node in scored:
                of_table[self._path(node.place / KEY)] = node.key
                for name in ("ref", "hyp", METRICS):
                    of_table[self._path(node.place / name)] = (node.place / name).read_bytes().decode()
            folder = scored[0].place.parents[1]
            training, learning = _training_of(run)
            of_table[self._path(folder / TRAINING)] = training
            of_table[self._path(folder / LEARNING)] = learning
        for table, files in texts.items():
            self._archives.keep(table, files)
        return count

    def keep_table(self, file: Path) -> Path:
        return self._archives.keep(file.stem, {self._path(file): file.read_text(encoding="utf-8")})

    def _path(self, file: Path) -> str:
        return file.relative_to(EXP / self.recipe).as_posix()

    def _table_of(self, row: str) -> str:
        contents = table_contents(self.recipe).items()
        return next(name for name, (_, content) in contents if content["rows"].get(row) is not None)


def _training_of(run: "SystemRun") -> tuple[str, str | None]:
    """The text of ``training.json``, and that of ``learning.json`` if anyone recorded curves."""
    folders = list(dict.fromkeys(folder for node in run.needs for folder in lineage(node.place)))
    first_stage = run.system.first_stage
    foreign = first_stage is not None and first_stage.kind in FOREIGN
    content = {
        "amounts": training_amounts(folders, foreign=foreign),
        "runs": {folder.name: identity_of(folder) for folder in folders},
    }
    curves = collect_curves(folders)
    learning = json.dumps(curves, separators=(",", ":")) + "\n" if curves else None
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n", learning


def kept_amounts(folder: Path) -> dict[str, Any] | None:
    """``training_amounts`` of a folder of results that was taken from the kept ones; None of one made here."""
    file = folder / TRAINING
    if not file.is_file():
        return None
    try:
        return dict(read_json(file)["amounts"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: holds no amounts: remove it, and what lies beside it") from error
