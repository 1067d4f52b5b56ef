"""A table of recordings for the recipe ``custom``, and what a call of the data stages printed."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.corpora.conftest import write_noise

STAGE = re.compile(r"stage (\d+): (?:data|dump|exp/\w+/alignments)/(\S+?): ?(done already)?")


def write_table(folder: Path, splits: Iterable[str] = ("train", "dev", "test")) -> Path:
    """An utterance of a second for each split."""
    lines = ["audio,transcript,tree,split"]
    for number, split in enumerate(splits):
        write_noise(folder / f"{split}.wav", 1.0, seed=number)
        lines.append(f"{split}.wav,go home,[IN:GO go [SL:TO home ] ],{split}")
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def stages(printed: str, *, skipped: bool = False) -> list[str]:
    """What a call has made, or skipped, such as ``6 custom/dev``."""
    found = (STAGE.match(line) for line in printed.splitlines())
    return [f"{line[1]} {line[2]}" for line in found if line and (line[3] is not None) == skipped]
