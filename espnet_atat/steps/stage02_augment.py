"""Stage 2: ``<set>_aug``, a set with augmented copies of its utterances, as ``conf/augment.yaml`` says.

Sets that stage 3 makes are augmented there, right after it. Here are also made sets of text with other words in their
slots (``open_values`` of the recipe), which stage 3 may say.
"""

from collections.abc import Iterator
from pathlib import Path

from espnet_atat.config.layout import AUGMENTED, DATA, conf_file, load_config
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.schema import read
from espnet_atat.semantics.open_values import OpenValues, open_trees
from espnet_atat.semantics.tree import strip_tags
from espnet_atat.speech.alignment.align_set import Aligner
from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set
from espnet_atat.speech.report import Report
from espnet_atat.speech.synthesis.engines import engine_of
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.sets import set_node
from espnet_atat.steps.stage04_align import chosen_aligner


def plan(request: Request) -> Iterator[Node | str]:
    """The sets that ``--augment_sets``, the recipe or its tables name, but for synthetic ones."""
    for name, options in request.options.open_values.items():
        missing = [DATA / each for each in options.words if not (DATA / each / "text").is_file()]
        if missing and not request.dry_run:
            yield f"{DATA / request.recipe / name}: left out, as {missing[0]} was not prepared"
            continue
        yield open_values_node(request.recipe, name, options)
    if not wanted(request):
        yield "no set is augmented; --augment_sets names some"
    yield from augment_nodes(request, stage=Stage.AUGMENT)


def wanted(request: Request) -> list[str]:
    return list(request.augment_sets or request.options.augment or request.named_by_tables("augment_sets"))


def augment_nodes(request: Request, *, stage: Stage) -> Iterator[Node | str]:
    """A node for each set: in stage 3 for those of its engines, in stage 2 for all others.

    A table's sets are left out where they are text; one that the command or the recipe names is an error then.
    """
    asked = request.augment_sets or request.options.augment
    path = conf_file(request.recipe, "augment")
    config = read(AugmentConfig, load_config(path), str(path), seed=0)
    aligner = None if config.prepare.longest is None else chosen_aligner(request)
    for name in (name for name in wanted(request) if (engine_of(name) is None) == (stage == Stage.AUGMENT)):
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

    options = config.identity() | ({} if aligner is None else {"aligner": repr(aligner)})
    return set_node(stage, output, options, make, sets=[folder])


def open_values_node(recipe: str, name: str, options: OpenValues) -> Node:
    data, words = DATA / recipe / options.text, [DATA / each for each in options.words]

    def make(work: Path) -> Report:
        trees = DataDir.load(data).target
        if trees is None:
            raise UserError(f"{data} has no trees: open_values needs a set with a file 'target'")
        vocabulary = {word for each in words for text in DataDir.load(each).text.values() for word in text.split()}
        made = {f"{name}_{i:05d}": tree for i, tree in enumerate(open_trees(trees, vocabulary, options), start=1)}
        DataDir(text={utt: " ".join(strip_tags(tree)) for utt, tree in made.items()}, target=made).write_files(work)
        return Report({"made": len(made)}, [f"{name}: {len(made)} trees of {options.text} with other words"])

    return set_node(Stage.AUGMENT, DATA / recipe / name, options, make, sets=[data, *words])
