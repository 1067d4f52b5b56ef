"""How long each stage took: ``exp/<recipe>/stage_times.tsv``, a line a step, appended when the step ends.

The driver's shell steps append to the same file (``local/step.sh``). Of a step that was done again, the last line
counts.
"""

import csv
import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from espnet_atat.config.layout import EXP

#: The first stage whose steps belong to systems.
SYSTEM_STAGE = 7
FINETUNING = 11
#: Of a run whose making is not in the recipe's file: another recipe or clone made it.
STAGE_OF_KIND = {"tokens": 7, "language model": 8, "statistics": 9, "training": 10, "tagger": 11, "words": 12}


def times_file(recipe: str) -> Path:
    return EXP / recipe / "stage_times.tsv"


@contextmanager
def timed(recipe: str, stage: int, step: str) -> Iterator[None]:
    """Note how long the block took, if it ends without an error."""
    start = time.monotonic()
    yield
    path = times_file(recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:  # one short line: appended whole
        handle.write(f"{stage}\t{step}\t{time.monotonic() - start:.1f}\n")


def stage_times(recipe: str, steps: Collection[str], runs: Iterable[Path] = ()) -> dict[int, float]:
    """Stage → seconds of its steps.

    Args:
        steps: of the stages from 7 on, count these alone: other systems' steps are in the file too.
        runs: finished folders of ``exp/runs``; what they took is in themselves, wherever they were made.
    """
    last: dict[tuple[int, str], float] = {}
    made_in: dict[str, int] = {}
    path = times_file(recipe)
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as handle:
            for number, step, spent in csv.reader(handle, delimiter="\t"):
                made_in[step] = int(number)
                if int(number) < SYSTEM_STAGE or step in steps:
                    last[int(number), step] = float(spent)
    for run in runs:
        done = run / "done"
        if done.is_file():
            seconds = json.loads(done.read_text(encoding="utf-8"))["seconds"]
            last[made_in.get(str(run)) or _stage_of(run), str(run)] = float(seconds)
    total: defaultdict[int, float] = defaultdict(float)
    for (stage, _), seconds in last.items():
        total[stage] += seconds
    return dict(sorted(total.items()))


def _stage_of(run: Path) -> int:
    """The stage that makes a run, by what it is."""
    identity = yaml.safe_load((run / "run.yaml").read_text(encoding="utf-8"))
    if "initialised_from" in identity or "grown_from" in identity:
        return FINETUNING
    return STAGE_OF_KIND[identity["kind"]]
