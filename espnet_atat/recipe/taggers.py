"""Stage 11 of a pipeline: its tagger, ``exp/runs/<tagger>-<sets>[-seed<N>]-<hash>/tagger``.

Pipelines that learn the same trees with the same options share it, whatever their first stage is.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

from espnet_atat.baselines.config import Config
from espnet_atat.baselines.pipeline import load_pipeline, train_pipeline
from espnet_atat.config.layout import DUMP, short
from espnet_atat.config.pipeline import Pipeline
from espnet_atat.errors import UserError
from espnet_atat.recipe.fingerprint import file_digest
from espnet_atat.recipe.runs import Run

#: Kind of such a run, in its ``run.yaml``; in its folder, what ``baselines.pipeline`` wrote.
TAGGER = "tagger"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaggerTraining:
    """A tagger's training run.

    Attributes:
        pipeline: what it learns from, ``{fold}`` filled in.
        config: its options.
    """

    pipeline: Pipeline
    config: Config
    run: Run

    @property
    def folder(self) -> Path:
        """Of the trained tagger; its parent is the run's."""
        return self.run.folder / TAGGER

    @property
    def data_dirs(self) -> list[Path]:
        return [DUMP / name for name in self.pipeline.data]

    @property
    def pretrain_dirs(self) -> list[Path]:
        return [DUMP / name for name in self.pipeline.pretrain_data]


def plan_tagger(pipeline: Pipeline, seed: int) -> TaggerTraining:
    """The run of a tagger.

    Raises:
        UserError: a set is not in ``dump/`` yet, or has no trees to learn from.
    """
    for folder in (DUMP / name for name in pipeline.data):
        if (folder / "text").is_file() and not (folder / "target").is_file():
            raise UserError(f"{folder}: has no trees, and the tagger {pipeline.tagger} learns from trees")
    config = pipeline.config(seed)
    identity: dict[str, Any] = {
        "kind": TAGGER,
        "tagger": pipeline.tagger,
        "options": dataclasses.asdict(config),
        "data": [{"set": name, "target": file_digest(DUMP / name / "target")} for name in pipeline.data],
        "pretrain_data": [{"set": name, "text": file_digest(DUMP / name / "text")} for name in pipeline.pretrain_data],
    }
    name = f"{pipeline.tagger}-{'+'.join(map(short, pipeline.data))}" + (f"-seed{seed}" if pipeline.has_seed else "")
    return TaggerTraining(pipeline=pipeline, config=config, run=Run(name, identity))


def train_tagger(tagger: TaggerTraining) -> None:
    """Train; a run that was interrupted begins again, which is a matter of minutes.

    Raises:
        UserError: a missing package, or a set that cannot be tagged: its trees are nested.
    """
    start = time.monotonic()
    with tagger.run.open():
        utterances = train_pipeline(tagger.data_dirs, tagger.folder, tagger.config, tagger.pretrain_dirs)
        parameters = load_pipeline(tagger.folder).parameters
        tagger.run.finish(time.monotonic() - start, utterances=utterances, parameters=parameters)
    print(f"  wrote {tagger.folder}: {tagger.pipeline.tagger}, {parameters} parameters, {utterances} utterances")
