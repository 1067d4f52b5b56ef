"""Sets made as the commands make them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from espnet_atat.datadir import DataDir
from espnet_atat.graph.work import STAMP, working
from espnet_atat.speech.alignment.record import AlignedWord, aligned


def made[Made](function: Callable[..., Made], *arguments: Any, **options: Any) -> Made:
    """Call a function that takes ``work`` before ``output``, which is the first path among the arguments."""
    place = next(place for place, each in enumerate(arguments) if isinstance(each, Path))
    with working(arguments[place], "test", file=arguments[place].suffix == ".jsonl") as work:
        return function(*arguments[:place], work, *arguments[place:], **options)


def tone_words(data: DataDir) -> dict[str, tuple[AlignedWord, ...]]:
    """Alignments of the two words of each utterance of ``tone_set``."""
    return {
        utt: tuple(aligned(word, 0.02 + 0.08 * n, 0.09 + 0.08 * n) for n, word in enumerate(text.split()))
        for utt, text in data.text.items()
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the stamp."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != STAMP)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
