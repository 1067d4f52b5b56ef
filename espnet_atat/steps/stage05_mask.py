"""Stage 5: ``<set>_mlm``, a set with words masked in the audio; and sets spliced from the words of others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from espnet_atat.config.layout import DATA, MASKED
from espnet_atat.datadir import DataDir
from espnet_atat.graph.node import Node
from espnet_atat.speech.alignment.record import read_alignments
from espnet_atat.speech.mask_set import mask_set
from espnet_atat.speech.masking import MaskConfig
from espnet_atat.speech.report import Report
from espnet_atat.speech.sets import set_node
from espnet_atat.speech.splicing import SpliceConfig, splice_set
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.stage04_align import alignments_file


def plan(request: Request) -> Iterator[Node | str]:
    """A node for each masked set, then for each spliced one; a set that the corpus does not give is left out."""
    mask, splice = request.options.mask, request.options.splice
    data = DATA / request.recipe
    if not mask.sets:
        yield "this recipe masks no set"
    for name in mask.sets:
        if request.lacks(name):
            yield f"{data / name} was not prepared: left out"
            continue
        alignments = alignments_file(request.recipe, name)
        yield mask_node(data / name, alignments, data / f"{name}{MASKED}", mask.options, request.nj)
    if splice is None:
        return
    for name, spliced in splice.sets.items():
        files = [alignments_file(request.recipe, source) for source in splice.from_]
        texts = None if spliced.text is None else data / spliced.text
        yield splice_node([data / source for source in splice.from_], files, texts, data / name, spliced)


def mask_node(folder: Path, alignments: Path, output: Path, config: MaskConfig, nj: int) -> Node:
    def make(work: Path) -> Report:
        return mask_set(DataDir.load(folder), read_alignments(alignments), work, output, config, nj)

    return set_node(Stage.MASK, output, config, make, sets=[folder], files=[alignments])


def splice_node(
    folders: Sequence[Path], alignments: Sequence[Path], texts: Path | None, output: Path, config: SpliceConfig
) -> Node:
    def make(work: Path) -> Report:
        sets, said = [DataDir.load(folder) for folder in folders], DataDir.load(texts) if texts else None
        return splice_set(sets, read_alignments(*alignments), said, work, output, config)

    return set_node(Stage.MASK, output, config, make, sets=[*folders, *([texts] if texts else [])], files=alignments)
