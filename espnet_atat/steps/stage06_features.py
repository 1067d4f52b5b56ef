"""Stage 6: every set below ``data/<recipe>`` → ``dump/<recipe>/<set>``."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.config.layout import DATA, DUMP
from espnet_atat.datadir import UNREADABLE, DataDir, is_test_set, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.report import Report
from espnet_atat.steps.sets import set_node, sets_of

if TYPE_CHECKING:
    from espnet_atat.steps.driver import Request


def plan(request: "Request") -> Iterator[Node | str]:
    """A node for each set."""
    names = sets_of(request.recipe)
    if not names:
        if not request.dry_run:
            raise UserError(f"{DATA / request.recipe} has no sets: run stage 1")
        yield "features of every set: to be made, after stage 1"
    for name in names:
        folder, output = DATA / request.recipe / name, DUMP / request.recipe / name
        allow_bad = request.allow_bad_test or not is_test_set(name)
        config = FeatureConfig(feats_type=request.feats_type, allow_bad=allow_bad)
        yield set_node(6, output, config, partial(_make, folder, output, config, request.nj), sets=[folder])


def _make(folder: Path, output: Path, config: FeatureConfig, nj: int, work: Path) -> Report:
    listed = folder / UNREADABLE
    unusable = read_two_column(listed) if listed.is_file() else {}
    return make_dump(DataDir.load(folder), work, output, config, nj, unusable)
