"""A pretrained model's tokens for a new corpus: what it lacks, at the list's end (paper, *Finetuning Phase*).

The BPE model is kept, so that a new word splits into old pieces, and only unseen tags and characters are new tokens. On
request (``--grow_bpe``) a second model gives the words that the old one splits too finely pieces of their own.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from espnet_atat.errors import UserError
from espnet_atat.text.bpe import train_bpe
from espnet_atat.text.tokenizer import WORD_START, TargetTokenizer, is_whole, target_words

CHARACTERS = "characters.txt"


@dataclass(frozen=True)
class BPEGrowth:
    """How words get pieces of their own.

    Attributes:
        size: pieces of the second model, ``<unk>`` included; fewer where the words do not give so many.
        pieces_per_word: a word of more old pieces than this is split anew.

    Raises:
        UserError: one of them is no whole number above 0.
    """

    size: int = 500
    pieces_per_word: int = 3

    def __post_init__(self) -> None:
        for name in ("size", "pieces_per_word"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UserError(f"grow_bpe: {name} is a whole number above 0, found {value!r}")


def grow(tokenizer: TargetTokenizer, targets: Iterable[str], bpe: BPEGrowth | None = None) -> TargetTokenizer:
    """The tokenizer for new targets; every old token keeps its id, and tags come before pieces and characters.

    Args:
        tokenizer: of the pretrained model, which may have grown before.
        targets: of the new corpus, with or without task tokens.
        bpe: also give pieces to words that the old model splits too finely; None: no word gets any.
    """
    targets, old = list(targets), tokenizer.vocabulary
    finer = {} if bpe is None else _new_splits(tokenizer, targets, bpe)
    pieces = {piece for split in finer.values() for piece in split}
    grown = TargetTokenizer(old.grow(pieces), tokenizer.bpemodel, {**tokenizer.grown_words, **finer})
    unseen = {token for target in targets for token in grown.tokens(target) if token not in old}
    tags = sorted(token for token in unseen if is_whole(token))
    vocabulary = old.grow([*tags, *sorted(unseen - set(tags))])
    return TargetTokenizer(vocabulary, grown.bpemodel, grown.grown_words)


def grow_folder(
    old: str | Path, targets: Iterable[str], output: str | Path, bpe: BPEGrowth | None = None
) -> tuple[TargetTokenizer, TargetTokenizer]:
    """Grow the tokens of a folder into another one, which exists; the CTC's characters stay as they are.

    Returns:
        The old tokenizer and the new one.
    """
    tokenizer = TargetTokenizer.load(old)
    grown = grow(tokenizer, targets, bpe)
    grown.save(output)
    shutil.copyfile(Path(old) / CHARACTERS, Path(output) / CHARACTERS)
    return tokenizer, grown


def _new_splits(tokenizer: TargetTokenizer, targets: Sequence[str], bpe: BPEGrowth) -> dict[str, tuple[str, ...]]:
    """Words with their pieces in a second model, where these are fewer. Words of an earlier growth keep theirs."""
    words = {word for target in targets for word in target_words(target)} - tokenizer.grown_words.keys()
    lengths = {word: len(tokenizer.tokens(word)) for word in words}
    fine = {word for word, length in lengths.items() if length > bpe.pieces_per_word}
    lines = [" ".join(word for word in target_words(target) if word in fine) for target in targets]
    if not fine:
        return {}
    second = sentencepiece.SentencePieceProcessor(model_proto=train_bpe(lines, bpe.size))
    splits = {word: tuple(second.encode(word, out_type=str)) for word in sorted(fine)}
    return {word: split for word, split in splits.items() if len(split) < lengths[word] and _spells(split, word)}


def _spells(split: Sequence[str], word: str) -> bool:
    """Whether the pieces join to the word again: none of them looks like a tag, nor starts a word within the word."""
    joined = "".join(split)
    return joined == WORD_START + word and joined.count(WORD_START) == 1 and not any(map(is_whole, split))
