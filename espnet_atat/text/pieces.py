"""A text as the text encoder reads it: its pieces, at the tokenizer's pace or at that of speech."""

from collections.abc import Iterable, Iterator
from typing import Any

from espnet_atat.errors import UserError

#: BERT's positions; longer texts are cut there, in training and in decoding.
MAX_PIECES = 512
#: States that a character may last at most: 8 s of 80 ms each.
FASTEST_PACE = 100


def max_pieces(positions: int | None) -> int:
    """Pieces of a text that an encoder with so many positions (None: no limit) reads, at most BERT's."""
    return MAX_PIECES if positions is None else min(MAX_PIECES, positions)


def read_pieces(tokenizer: Any, text: str, most: int, pace: float = 0.0) -> list[int]:
    """Ids of a text's pieces, special ones included; a longer text is cut to ``most``.

    Args:
        tokenizer: of transformers; with a pace one that knows where in the text a piece is (a fast one).
        pace: length of a character in audio states: each piece is repeated for as many states as its characters have,
            and comes once at least; 0: no repetition.

    Raises:
        UserError: a pace, and a tokenizer that does not know where its pieces are in the text.
    """
    if not pace:
        return list(tokenizer(text, truncation=True, max_length=most)["input_ids"])
    return [piece for piece, _ in _at_pace(tokenizer, text, most, pace)]


def words_of_pieces(tokenizer: Any, text: str, most: int, pace: float = 0.0) -> list[int]:
    """The word that each of :func:`read_pieces` belongs to, from 0; -1 of special pieces."""
    return [word for _, word in _at_pace(tokenizer, text, most, pace)]


def _at_pace(tokenizer: Any, text: str, most: int, pace: float) -> list[tuple[int, int]]:
    """Pieces and their words."""
    if not tokenizer.is_fast:
        raise UserError("text_pace and swap_rate need a tokenizer of the library tokenizers (a file tokenizer.json)")
    found = tokenizer(text, truncation=True, max_length=most, return_offsets_mapping=True)
    read = list(_repeated(zip(found["input_ids"], found["offset_mapping"], strict=True), text, pace))
    return read if len(read) <= most else [*read[: most - 1], read[-1]]


def _repeated(spelt: Iterable[tuple[int, tuple[int, int]]], text: str, pace: float) -> Iterator[tuple[int, int]]:
    for piece, (start, end) in spelt:
        word = text.count(" ", 0, end) if end > start else -1  # up to the end: a piece may begin with its space
        yield from [(piece, word)] * max(1, round(end * pace) - round(start * pace))
