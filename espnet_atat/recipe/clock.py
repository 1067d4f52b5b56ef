"""How long each stage took: ``exp/<recipe>/stage_times.tsv``, a line a step, appended when the step ends.

The driver's shell steps append to the same file (``local/step.sh``). Of a step that was done again, the last line
counts.
"""

import csv
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from espnet_atat.recipe.layout import EXP

#: The first stage whose steps belong to systems.
SYSTEM_STAGE = 7


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


def stage_times(recipe: str, steps: Collection[str]) -> dict[int, float]:
    """Stage → seconds of its steps.

    Args:
        steps: of the stages from 7 on, count these alone: other systems' runs are in the file too.
    """
    path = times_file(recipe)
    if not path.is_file():
        return {}
    last: dict[tuple[int, str], float] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for number, step, spent in csv.reader(handle, delimiter="\t"):
            if int(number) < SYSTEM_STAGE or step in steps:
                last[int(number), step] = float(spent)
    total: defaultdict[int, float] = defaultdict(float)
    for (stage, _), seconds in last.items():
        total[stage] += seconds
    return dict(sorted(total.items()))
