"""Stage 5: ``<set>_mlm``, a set with words masked in the audio; and sets spliced from the words of others."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from espnet_atat.config.layout import DATA, MASKED
from espnet_atat.config.recipe import SplicedSet
from espnet_atat.datadir import DataDir
from espnet_atat.graph.node import Node
from espnet_atat.schema import read
from espnet_atat.speech.alignment.record import read_alignments
from espnet_atat.speech.mask_set import mask_set
from espnet_atat.speech.masking import MaskConfig
from espnet_atat.speech.report import Report
from espnet_atat.speech.splicing import SpliceConfig, splice_set
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.sets import set_node
from espnet_atat.steps.stage04_align import alignments_file


def plan(request: Request) -> Iterator[Node | str]:
    """A node for each masked set, then for each spliced one; a set that the corpus does not give is left out."""
    mask, splice = request.options.mask, request.options.splice
    if not mask.sets:
        yield "this recipe masks no set"
    config = read(MaskConfig, mask.options, f"recipe {request.recipe}: mask: options")
    for name in mask.sets:
        folder = DATA / request.recipe / name
        if request.lacks(name):
            yield f"{folder} was not prepared: left out"
            continue
        output, alignments = folder.with_name(f"{name}{MASKED}"), alignments_file(request.recipe, name)
        make = partial(_mask, folder, alignments, output, config, request.nj)
        yield set_node(Stage.MASK, output, config, make, sets=[folder], files=[alignments])
    if splice is not None:
        for name, spliced in splice.sets.items():
            yield _splice_node(request.recipe, name, spliced, splice.from_)


def _mask(folder: Path, alignments: Path, output: Path, config: MaskConfig, nj: int, work: Path) -> Report:
    return mask_set(DataDir.load(folder), read_alignments(alignments), work, output, config, nj)


def _splice_node(recipe: str, name: str, spliced: SplicedSet, sources: Sequence[str]) -> Node:
    folders = [DATA / recipe / source for source in sources]
    files = [alignments_file(recipe, source) for source in sources]
    texts = None if spliced.text is None else DATA / recipe / spliced.text
    output = DATA / recipe / name
    make = partial(_splice, folders, files, texts, output, spliced)
    return set_node(Stage.MASK, output, spliced, make, sets=[*folders, *([texts] if texts else [])], files=files)


def _splice(
    folders: Sequence[Path], files: Sequence[Path], texts: Path | None, output: Path, spliced: SplicedSet, work: Path
) -> Report:
    config = SpliceConfig(**{key: value for key, value in asdict(spliced).items() if key != "text"})
    sets, said = [DataDir.load(folder) for folder in folders], DataDir.load(texts) if texts else None
    return splice_set(sets, read_alignments(*files), said, work, output, config)
