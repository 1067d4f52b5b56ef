"""Stage 4: when each word begins and ends, in the sets that stage 5 masks or splices."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from espnet_atat.config.layout import DATA, EXP
from espnet_atat.datadir import DataDir
from espnet_atat.graph.node import Node
from espnet_atat.speech.alignment.align_set import Aligner, align_set
from espnet_atat.speech.alignment.aligners import make_aligner
from espnet_atat.speech.report import Report
from espnet_atat.speech.sets import set_node
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request


def plan(request: Request) -> Iterator[Node | str]:
    """A node for each set; one that the corpus does not give is left out."""
    names = aligned_sets(request)
    if not names:
        yield "this recipe masks no set"
        return
    aligner = chosen_aligner(request)
    for name in names:
        folder = DATA / request.recipe / name
        output = alignments_file(request.recipe, name)
        if request.lacks(name):
            yield f"{folder} was not prepared: left out"
            continue
        yield align_node(folder, output, aligner, request.nj)


def aligned_sets(request: Request) -> list[str]:
    """The sets that stage 5 masks or cuts up."""
    splice = request.options.splice
    return sorted({*request.options.mask.sets, *(splice.from_ if splice else ())})


def align_node(folder: Path, output: Path, aligner: Aligner, nj: int) -> Node:
    def make(work: Path) -> Report:
        return align_set(DataDir.load(folder), work, output, aligner, nj)

    return set_node(Stage.ALIGN, output, {"aligner": repr(aligner)}, make, sets=[folder], is_file=True)


def chosen_aligner(request: Request) -> Aligner:
    """What the command line says, and what it leaves to the recipe, whose options of Gentle go with Gentle."""
    of_recipe = asdict(request.options.align)
    name = request.align.get("aligner", of_recipe["aligner"])
    options = {**(of_recipe if name == "gentle" else {}), **request.align}
    return make_aligner(name, **{key: value for key, value in options.items() if key != "aligner"})


def alignments_file(recipe: str, name: str) -> Path:
    return EXP / recipe / "alignments" / f"{name}.jsonl"
