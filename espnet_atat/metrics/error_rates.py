"""Word, character and token errors: Levenshtein alignment, every edit at cost 1 (by the library rapidfuzz)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from espnet_atat.errors import UserError


def edit_counts(reference: Sequence[str], predicted: Sequence[str]) -> tuple[int, int, int, int]:
    """Substitutions, insertions, deletions, and the reference's length.

    The two are lists of words or tokens, or strings for their characters; the edits are the fewest.
    """
    if reference == predicted:
        return 0, 0, 0, len(reference)
    edits = [operation.tag for operation in Levenshtein.editops(reference, predicted)]
    return edits.count("replace"), edits.count("insert"), edits.count("delete"), len(reference)


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
