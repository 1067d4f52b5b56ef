"""Words to pieces, tags and task tokens whole: the decoder's side of the model."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import sentencepiece

from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import is_tag, strip_tags
from espnet_atat.text.vocabulary import CONTROL_TOKENS, Vocabulary

#: Sentencepiece's mark of a word's start (U+2581).
WORD_START = "▁"
#: The word separator of the character CTC; no word contains it.
SPACE = "<space>"


class TargetTokenizer:
    """Splits the target's English words with BPE; tags and task tokens are never split (paper, *Architecture*).

    Args:
        vocabulary: the decoder's token list.
        bpemodel: a sentencepiece model trained on words alone.

    >>> tokenizer.tokens("<slu> [IN:PLAY_MUSIC play [SL:SONG paper moon ] ]")  # doctest: +SKIP
    ['<slu>', '[IN:PLAY_MUSIC', '▁play', '[SL:SONG', '▁paper', '▁mo', 'on', ']', ']']
    """

    def __init__(self, vocabulary: Vocabulary, bpemodel: str | Path):
        if not Path(bpemodel).is_file():
            raise UserError(f"{bpemodel}: no such BPE model; stage 7 of the recipe makes it")
        self.vocabulary = vocabulary
        self.bpemodel = str(bpemodel)
        self._processor = sentencepiece.SentencePieceProcessor(model_file=self.bpemodel)

    def tokens(self, text: str) -> list[str]:
        """Split a target; a piece outside the vocabulary falls apart into characters."""
        tokens: list[str] = []
        for whole, group in groupby(text.split(), key=is_whole):
            if whole:
                tokens.extend(group)
            else:
                pieces = self._processor.encode(" ".join(group), out_type=str)
                tokens.extend(part for piece in pieces for part in self._known(piece))
        return tokens

    def encode(self, text: str) -> list[int]:
        """Token ids; what even its characters do not cover becomes ``<unk>``, and the utterance stays.

        Raises:
            UserError: a tag of the target is not in the vocabulary: it could never be predicted.
        """
        tokens = self.tokens(text)
        for token in tokens:
            if is_whole(token) and token not in self.vocabulary:
                raise UserError(
                    f"the tag {token!r} is not in the token list of {len(self.vocabulary)} tokens: "
                    "make the list from this data (stage 7), or grow it (stage 11)"
                )
        return self.vocabulary.ids(tokens)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids back to a target string; control tokens are left out, ``<unk>`` shows as ⁇."""
        return self.join([self.vocabulary.tokens[i] for i in ids])

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        """Pieces back to words: ``['[SL:SONG', '▁mo', 'on', ']']`` → ``'[SL:SONG moon ]'``."""
        text = "".join(
            f" {token} " if is_tag(token) else token.replace(WORD_START, " ")
            for token in (("⁇" if token == "<unk>" else token) for token in tokens)
            if token not in CONTROL_TOKENS
        )
        return " ".join(text.split())

    def _known(self, piece: str) -> list[str]:
        if piece in self.vocabulary:
            return [piece]
        return [WORD_START, *piece[1:]] if piece.startswith(WORD_START) else list(piece)


class CharTokenizer:
    """Characters of the words (tags stripped) for the auxiliary CTC.

    Args:
        characters: the list of symbols; index 0 is the blank, 1 is unknown, 2 the word separator.
    """

    def __init__(self, characters: Sequence[str]):
        self.characters = tuple(characters)
        if self.characters[:3] != ("<blank>", "<unk>", SPACE):
            raise UserError(f"a character list starts with <blank> <unk> {SPACE}")
        self._ids = {character: i for i, character in enumerate(self.characters)}

    @classmethod
    def build(cls, texts: Iterable[str]) -> "CharTokenizer":
        """Collect the characters of targets or transcripts."""
        seen = {character for text in texts for word in target_words(text) for character in word}
        return cls(("<blank>", "<unk>", SPACE, *sorted(seen)))

    def encode(self, text: str) -> list[int]:
        """Ids of the characters of a target's words."""
        ids: list[int] = []
        for position, word in enumerate(target_words(text)):
            if position:
                ids.append(self._ids[SPACE])
            ids.extend(self._ids.get(character, 1) for character in word)
        return ids

    def __len__(self) -> int:
        return len(self.characters)


def is_whole(token: str) -> bool:
    """Whether a token of the target is a tag or a task token, which BPE must not split."""
    return is_tag(token) or token in CONTROL_TOKENS


def target_words(text: str) -> list[str]:
    """The words of a target: tags and task tokens removed."""
    return [word for word in strip_tags(text) if word not in CONTROL_TOKENS]
