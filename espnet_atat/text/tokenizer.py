"""The decoder's tokenizer: words are split into pieces; tags and task tokens stay whole."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Self

import sentencepiece

from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import is_tag, strip_tags
from espnet_atat.text.vocabulary import CONTROL_TOKENS, Vocabulary

#: Sentencepiece's mark of a word's start (U+2581).
WORD_START = "▁"
UNKNOWN_MARK = "⁇"  # of a hypothesis: what stands for ``<unk>``
#: The word separator of the character CTC; no word contains it.
SPACE = "<space>"
#: Its number in a character list: after the blank and the unknown character.
SEPARATOR = 2
#: Files of a token folder; the last one exists if words have pieces of a second BPE model (``text.growth``).
TOKENS_FILE, BPE_FILE = "tokens.txt", "bpe.model"
CHARACTERS_FILE, GROWN_WORDS_FILE = "characters.txt", "grown_words.txt"


class TargetTokenizer:
    """Splits the target's English words with BPE; tags and task tokens are never split (paper, *Architecture*).

    Args:
        vocabulary: the decoder's token list.
        bpemodel: a sentencepiece model trained on words without tags.
        grown_words: words with pieces of a second model, which override this model's.

    >>> tokenizer.tokens("<slu> [IN:PLAY_MUSIC play [SL:SONG paper moon ] ]")  # doctest: +SKIP
    ['<slu>', '[IN:PLAY_MUSIC', '▁play', '[SL:SONG', '▁paper', '▁mo', 'on', ']', ']']
    """

    def __init__(
        self, vocabulary: Vocabulary, bpemodel: str | Path, grown_words: Mapping[str, Sequence[str]] | None = None
    ):
        if not Path(bpemodel).is_file():
            raise UserError(f"{bpemodel}: no such BPE model; stage 7 of the recipe makes it")
        self.vocabulary = vocabulary
        self.bpemodel = str(bpemodel)
        self.grown_words = {word: tuple(pieces) for word, pieces in (grown_words or {}).items()}
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_file=self.bpemodel)
        except (OSError, RuntimeError) as error:
            raise UserError(f"{bpemodel}: not a sentencepiece model, or damaged: make the tokens again") from error

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read the tokenizer of a folder that stage 7 or 11 made."""
        words = Path(folder, GROWN_WORDS_FILE)
        grown_words = load_grown_words(words) if words.is_file() else None
        return cls(Vocabulary.load(Path(folder, TOKENS_FILE)), Path(folder, BPE_FILE), grown_words)

    def save(self, folder: str | Path) -> None:
        """Write what :meth:`load` reads into a folder that exists."""
        self.vocabulary.save(Path(folder, TOKENS_FILE))
        shutil.copyfile(self.bpemodel, Path(folder, BPE_FILE))
        if self.grown_words:
            lines = {word: " ".join(pieces) for word, pieces in self.grown_words.items()}
            write_two_column(Path(folder, GROWN_WORDS_FILE), lines)

    def tokens(self, text: str) -> list[str]:
        """Split a target; a piece outside the vocabulary is split into characters."""
        tokens: list[str] = []
        for whole, group in groupby(text.split(), key=is_whole):
            if whole:
                tokens.extend(group)
            else:
                tokens.extend(part for piece in self._pieces(group) for part in self._known(piece))
        return tokens

    def encode(self, text: str) -> list[int]:
        """Token ids; characters outside the vocabulary become ``<unk>``, and the utterance is kept."""
        tokens = self.tokens(text)
        check_tags(tokens, self.vocabulary)
        return self.vocabulary.ids(tokens)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to a target string; control tokens are left out, ``<unk>`` is shown as ⁇."""
        return self.join([self.vocabulary.tokens[i] for i in ids])

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        """Pieces to words: ``['[SL:SONG', '▁mo', 'on', ']']`` → ``'[SL:SONG moon ]'``."""
        text = "".join(
            f" {token} " if is_tag(token) else token.replace(WORD_START, " ")
            for token in ((UNKNOWN_MARK if token == "<unk>" else token) for token in tokens)
            if token not in CONTROL_TOKENS
        )
        return " ".join(text.split())

    def _pieces(self, words: Iterable[str]) -> Iterator[str]:
        for is_grown, group in groupby(words, key=self.grown_words.__contains__):
            if is_grown:
                yield from (piece for word in group for piece in self.grown_words[word])
            else:
                yield from self._processor.encode(" ".join(group), out_type=str)

    def _known(self, piece: str) -> list[str]:
        if piece in self.vocabulary:
            return [piece]
        return [WORD_START, *piece[1:]] if piece.startswith(WORD_START) else list(piece)


class CharTokenizer:
    """Characters of the words (tags stripped) for the auxiliary CTC: after blank, unknown and the word separator."""

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

    def words(self, path: Iterable[int]) -> list[str]:
        """The words on a path of the CTC, one id a frame: without repetitions and blanks."""
        marks = {"<blank>": "", "<unk>": UNKNOWN_MARK, SPACE: " "}
        return "".join(marks.get(self.characters[i], self.characters[i]) for i, _ in groupby(path)).split()


def load_grown_words(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read the words that have pieces of a second model: one word with its pieces per line."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; stage 11 of the recipe makes it (--grow_bpe true)")
    words = {word: tuple(pieces.split()) for word, pieces in read_two_column(path).items()}
    for word, pieces in words.items():
        if "".join(pieces) != WORD_START + word:
            raise UserError(f"{path}: the pieces of {word!r} join to {''.join(pieces)!r}: make the tokens again")
    return words


def word_numbers(tokens: Sequence[str]) -> list[int | None]:
    """The number of the word that each token of a hypothesis belongs to, from 0; None: of a tag."""
    numbers: list[int | None] = []
    number, inside = -1, False
    for token in tokens:
        if not is_tag(token) and (token.startswith(WORD_START) or not inside):
            number += 1
        inside = not is_tag(token)
        numbers.append(number if inside else None)
    return numbers


def is_whole(token: str) -> bool:
    """Whether a token of the target is a tag or a task token, which BPE must not split."""
    return is_tag(token) or token in CONTROL_TOKENS


def check_tags(tokens: Iterable[str], vocabulary: Vocabulary) -> None:
    """Refuse a tag or task token that is not in the list; of words, pieces and characters take that place."""
    for token in tokens:
        if is_whole(token) and token not in vocabulary:
            raise UserError(
                f"the tag {token!r} is not in the token list of {len(vocabulary)} tokens: "
                "make the list from this data (stage 7), or grow it (stage 11)"
            )


def target_words(text: str) -> list[str]:
    """The words of a target: tags and task tokens removed."""
    return [word for word in strip_tags(text) if word not in CONTROL_TOKENS]
