"""A list of words that may be said, in which a spelling by ear is looked up."""

from functools import lru_cache
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from espnet_atat.bounded import read_whole
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words

#: Words that are tried for a spelling, and how far they may be from it: edits, as a share of its letters.
MOST_SIMILAR, FARTHEST = 6, 0.3


class Lexicon:
    """Words that a spelling of the CTC may stand for: those of a text file, in lower case and without punctuation."""

    def __init__(self, path: str | Path):
        try:
            text = read_whole(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: byte {error.start + 1} is not UTF-8; convert the file") from error
        except OSError as error:
            about = "a lexicon is a text of the words that may be said"
            raise UserError(f"{path}: cannot be read ({error.strerror}); {about}") from error
        self.words = tuple(dict.fromkeys(normalise_words(text).split()))
        if not self.words:
            raise UserError(f"{path}: no word in it; a lexicon is a text of the words that may be said")
        self.similar = lru_cache(10_000)(self._similar)

    def _similar(self, word: str) -> list[str]:
        """Words that are like one, the most similar first; one that is in the lexicon is its own first."""
        farthest = max(1, round(FARTHEST * len(word)))
        found = process.extract(
            word, self.words, scorer=Levenshtein.distance, score_cutoff=farthest, limit=MOST_SIMILAR
        )
        return [similar for similar, _, _ in found]
