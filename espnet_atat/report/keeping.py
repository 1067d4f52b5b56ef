"""Which hypotheses, trainings and tables are kept in a recipe's ``results``, and taken from there.

A set is kept with the key of its hypotheses, which covers the model, its configuration and its data, and only taken
for hypotheses of the same key: after a change of either the model is trained again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import EGS, EXP
from espnet_atat.config.rows import owner_of
from espnet_atat.config.system import System
from espnet_atat.config.two_stage import FOREIGN
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node, lineage
from espnet_atat.metrics.metrics_file import METRICS_FILE
from espnet_atat.report.amounts import LEARNING, TRAINING, training_files
from espnet_atat.report.archives import Archives

#: Kept beside ``ref``, ``hyp`` and ``metrics.json``: the key of the hypotheses.
KEY = "key"


class Keeper:
    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.folder = EGS / recipe / "results"
        self._archives = Archives(self.folder)

    def has(self, hypotheses: Node) -> bool:
        """Whether a result of the model, configuration and data as they are now is kept."""
        return self._path(hypotheses.place / KEY) in self._archives.texts and self.why_not(hypotheses) is None

    def why_not(self, hypotheses: Node) -> str | None:
        """Why a kept result is not taken; None where none is kept, or it is taken."""
        kept = self._archives.texts.get(self._path(hypotheses.place / KEY))
        try:
            if kept in (None, hypotheses.key):
                return None
        except UserError as error:
            return f"its model, configuration or data are not here to compare with: {error}"
        return f"it comes from another version of model, configuration or data ({kept}, now {hypotheses.key})"

    def take(self, hypotheses: Node, scores: Node) -> None:
        """Write a kept result, and how its model was trained, to where decoding and scoring would have left it."""
        kept, folder = self._archives.texts, hypotheses.place
        hypotheses.take({name: kept[self._path(folder / name)] for name in ("ref", "hyp")})
        scores.take({METRICS_FILE: kept[self._path(scores.place)]})
        for file in (folder.parents[1] / TRAINING, folder.parents[1] / LEARNING):
            if (text := kept.get(self._path(file))) is None:
                file.unlink(missing_ok=True)
                continue
            with atomic_write(file) as handle:
                handle.write(text)

    def keep(self, trials: Iterable[tuple[System, Sequence[Node], Sequence[Node]]]) -> int:
        """Keep what is decoded and scored, with the table that defines the row; returns the number of sets.

        A set whose model was not trained here, but was itself taken from here, stays as it is.

        Args:
            trials: of each, its system, its hypotheses, and the runs that decoding them reads.
        """
        count = 0
        texts: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
        for system, hypotheses, runs in trials:
            scored = [node for node in hypotheses if node.is_done and (node.place / METRICS_FILE).is_file()]
            if not scored or not all(node.is_done for node in runs):
                continue
            count += len(scored)
            of_table = texts[owner_of(self.recipe, system.name)]
            for node in scored:
                of_table[self._path(node.place / KEY)] = node.key
                for name in ("ref", "hyp", METRICS_FILE):
                    of_table[self._path(node.place / name)] = (node.place / name).read_bytes().decode()
            folder = scored[0].place.parents[1]
            of_table.update(self._of_other_configurations(folder, {node.place.parent.name for node in hypotheses}))
            runs_of_model = list(dict.fromkeys(each for node in runs for each in lineage(node.place)))
            first_stage = system.first_stage
            foreign = first_stage is not None and first_stage.kind in FOREIGN
            for name, text in training_files(runs_of_model, foreign=foreign).items():
                of_table[self._path(folder / name)] = text
        for table, files in texts.items():
            self._archives.keep(table, files)
        return count

    def _of_other_configurations(self, folder: Path, configurations: set[str]) -> dict[str, None]:
        """What is kept of a run that its row is no longer decoded with: no later call would bring it up to date."""
        run = self._path(folder) + "/"
        below = {path: path.removeprefix(run).split("/") for path in self._archives.texts if path.startswith(run)}
        return {path: None for path, (first, *rest) in below.items() if rest and first not in configurations}

    def keep_table(self, file: Path) -> Path:
        return self._archives.keep(file.stem, {self._path(file): file.read_text(encoding="utf-8")})

    def _path(self, file: Path) -> str:
        return file.relative_to(EXP / self.recipe).as_posix()
