"""Stage 2: ``<set>_aug``, a set with augmented copies of its utterances, as ``conf/augment.yaml`` says.

Sets that stage 3 makes are augmented there, right after it. This stage also makes sets of text with other words in
their slots (``open_values`` of the recipe), which stage 3 may say.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from espnet_atat.config.layout import AUGMENTED, DATA, conf_file, load_config
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.schema import read
from espnet_atat.speech.alignment.align_set import Aligner
from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set
from espnet_atat.speech.augmentation.open_values import open_set
from espnet_atat.speech.report import Report
from espnet_atat.speech.sets import set_node
from espnet_atat.speech.synthesis.engines import engine_of
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.stage04_align import aligned_sets, chosen_aligner


def plan(request: Request) -> Iterator[Node | str]:
    """The sets that ``--augment_sets``, the recipe or its tables name, but for synthetic ones."""
    for name, options in request.options.open_values.items():
        data = DATA / request.recipe / options.text
        words, without = ([DATA / each for each in sets] for sets in (options.words, options.without))
        output = data.with_name(name)
        missing = [each for each in (*words, *without) if not (each / "text").is_file()]
        if request.dry_run:  # sets of this recipe may be made by then
            missing = [each for each in missing if each.parent != data.parent]
        if missing:
            yield f"{output}: left out, as {missing[0]} was not prepared"
        else:
            make = partial(open_set, data, words, without, name, options)
            yield set_node(Stage.AUGMENT, output, options, make, sets=[data, *words, *without])
    if not wanted(request):
        yield "no set is augmented; --augment_sets names some"
    yield from augment_nodes(request, stage=Stage.AUGMENT)


def wanted(request: Request) -> list[str]:
    return list(request.augment_sets or request.options.augment or request.named_by_tables("augment_sets"))


def augmentation(request: Request) -> AugmentConfig:
    path = conf_file(request.recipe, "augment")
    return read(AugmentConfig, load_config(path), str(path), seed=0)


def check_data_options(request: Request) -> None:
    """Refuse ``--augment_sets`` and the aligner's options where the selected stages have no use for them."""
    for name in request.augment_sets or ():
        if not request.wants(maker := maker_of(name)):
            raise UserError(f"--augment_sets {name}: stage {maker} makes its copies, and is not selected")
    cuts = any(request.wants(maker_of(name)) for name in wanted(request)) and augmentation(request).prepare.longest
    if request.align and not cuts and not (request.wants(Stage.ALIGN) and aligned_sets(request)):
        raise UserError(f"--{next(iter(request.align))}: the selected stages align no set of {request.recipe}")


def maker_of(name: str) -> Stage:
    """The stage that makes augmented copies of a set."""
    return Stage.AUGMENT if engine_of(name) is None else Stage.SYNTHESIZE


def augment_nodes(request: Request, *, stage: Stage) -> Iterator[Node | str]:
    """A node for each set: in stage 3 for those of its engines, in stage 2 for all others.

    A table's sets are left out where they are text; one that the command or the recipe names is an error then.
    """
    asked = request.augment_sets or request.options.augment
    config = augmentation(request)
    aligner = None if config.prepare.longest is None else chosen_aligner(request)
    for name in (name for name in wanted(request) if maker_of(name) == stage):
        if not (request.dry_run and stage > Stage.AUGMENT):
            request.check_prepared(name)
        folder = DATA / request.recipe / name
        if not asked and (folder / "text").is_file() and not (folder / "wav.scp").is_file():
            yield f"there are no recordings of {name}: it is not augmented"
            continue
        yield augment_node(folder, folder.with_name(f"{name}{AUGMENTED}"), config, request.nj, aligner, stage=stage)


def augment_node(
    folder: Path,
    output: Path,
    config: AugmentConfig,
    nj: int,
    aligner: Aligner | None = None,
    *,
    stage: Stage = Stage.AUGMENT,
) -> Node:
    def make(work: Path) -> Report:
        return augment_set(DataDir.load(folder), work, output, config, nj, aligner)

    options = asdict(config) | ({} if aligner is None else {"aligner": repr(aligner)})
    return set_node(stage, output, options, make, sets=[folder])
