"""Growth of a pretrained model's token list for a new corpus: missing tokens are appended (paper, *Finetuning Phase*).

The BPE model is kept: a new word is split into old pieces, and only unseen tags and characters are new tokens. With
``grow_bpe``, a second BPE model adds pieces for words that the old one splits too finely.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sentencepiece

from espnet_atat.errors import UserError
from espnet_atat.text.bpe import train_bpe
from espnet_atat.text.tokenizer import WORD_START, TargetTokenizer, is_whole, target_words


@dataclass(frozen=True)
class BPEGrowth:
    """The second BPE model.

    Attributes:
        size: its pieces, ``<unk>`` included; fewer if the words do not yield as many.
        pieces_per_word: a word of more old pieces than this is split by the second model.
    """

    size: int = 500
    pieces_per_word: int = 3

    def __post_init__(self) -> None:
        if min(self.size, self.pieces_per_word) < 1:
            raise UserError(f"grow_bpe: size ({self.size}) and pieces_per_word ({self.pieces_per_word}) are at least 1")


def grow(tokenizer: TargetTokenizer, targets: Iterable[str], bpe: BPEGrowth | None = None) -> TargetTokenizer:
    """The tokenizer for new targets; every old token keeps its id, and tags come before pieces and characters.

    Args:
        tokenizer: of the pretrained model, which may have grown before.
        targets: of the new corpus, with or without task tokens.
    """
    targets, old = list(targets), tokenizer.vocabulary
    finer = {} if bpe is None else _new_splits(tokenizer, targets, bpe)
    pieces = {piece for split in finer.values() for piece in split}
    grown = TargetTokenizer(old.grow(pieces), tokenizer.bpemodel, {**tokenizer.grown_words, **finer})
    unseen = {token for target in targets for token in grown.tokens(target) if token not in old}
    tags = sorted(token for token in unseen if is_whole(token))
    vocabulary = old.grow([*tags, *sorted(unseen - set(tags))])
    return TargetTokenizer(vocabulary, grown.bpemodel, grown.grown_words)


def _new_splits(tokenizer: TargetTokenizer, targets: Sequence[str], bpe: BPEGrowth) -> dict[str, tuple[str, ...]]:
    """Words with their pieces in a second model, if these are fewer. Words of an earlier growth keep their pieces."""
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
    """Whether the pieces join to the word again: none looks like a tag, and none starts a word within the word."""
    joined = "".join(split)
    return joined == WORD_START + word and joined.count(WORD_START) == 1 and not any(map(is_whole, split))
