"""Stage 2: ``<set>_aug``, a set with augmented copies of its utterances, as ``conf/augment.yaml`` says.

Sets that stage 3 makes are augmented there, right after it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.config.layout import DATA, conf_file, load_config
from espnet_atat.datadir import DataDir
from espnet_atat.graph.node import Node
from espnet_atat.schema import read
from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set
from espnet_atat.speech.report import Report
from espnet_atat.speech.synthesis.engines import engine_of
from espnet_atat.steps.sets import check_prepared_set, named_by_tables, set_node

if TYPE_CHECKING:
    from espnet_atat.steps.driver import Request


def plan(request: "Request") -> Iterator[Node | str]:
    """The sets that ``--augment_sets``, the recipe or its tables name, but for synthetic ones."""
    if not wanted(request):
        yield "no set is augmented; --augment_sets names some"
    yield from augment_nodes(request, stage=2)


def wanted(request: "Request") -> list[str]:
    return list(request.augment_sets or request.options.augment or named_by_tables(request, "augment_sets"))


def augment_nodes(request: "Request", *, stage: int) -> Iterator[Node | str]:
    """A node for each set: in stage 3 for those of its engines, in stage 2 for all others.

    A table's sets are left out where they are text; one that the command or the recipe names is an error then.
    """
    asked = request.augment_sets or request.options.augment
    path = conf_file(request.recipe, "augment")
    config = read(AugmentConfig, load_config(path), str(path), seed=0)
    for name in (name for name in wanted(request) if (engine_of(name) is None) == (stage == 2)):
        if not (request.dry_run and stage > 2):
            check_prepared_set(request, name)
        folder = DATA / request.recipe / name
        if not asked and (folder / "text").is_file() and not (folder / "wav.scp").is_file():
            yield f"there are no recordings of {name}: it is not augmented"
            continue
        output = folder.with_name(f"{name}_aug")
        yield set_node(stage, output, config, partial(_make, folder, output, config, request.nj), sets=[folder])


def _make(folder: Path, output: Path, config: AugmentConfig, nj: int, work: Path) -> Report:
    return augment_set(DataDir.load(folder), work, output, config, nj)
