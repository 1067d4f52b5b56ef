"""Word, character and token errors: Levenshtein alignment, every edit at cost 1 (by the library rapidfuzz)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from espnet_atat.errors import UserError


class EditCounts(NamedTuple):
    """Edits between a reference and a prediction, and the reference's length."""

    substitutions: int
    insertions: int
    deletions: int
    length: int


def edit_counts(reference: Sequence[str], predicted: Sequence[str]) -> EditCounts:
    """The fewest edits between two sequences: lists of words or tokens, or strings for their characters."""
    if reference == predicted:
        return EditCounts(0, 0, 0, len(reference))
    edits = [operation.tag for operation in Levenshtein.editops(reference, predicted)]
    return EditCounts(edits.count("replace"), edits.count("insert"), edits.count("delete"), len(reference))


def load_bpe(model: str | Path) -> Callable[[str], list[str]]:
    """A function from a text to its tokens, by a sentencepiece model."""
    import sentencepiece  # imported late: only a token error rate needs it

    if not Path(model).is_file():
        raise UserError(f"{model}: there is no such sentencepiece model; see --bpemodel")
    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    except (OSError, RuntimeError) as error:
        raise UserError(f"{model}: not a sentencepiece model; see --bpemodel") from error
    return partial(processor.encode, out_type=str)
