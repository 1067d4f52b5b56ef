"""A list of words that may be said, in which a spelling by ear is looked up."""

from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from espnet_atat.bounded import numbered_lines
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words

#: Words that are tried for a spelling, and how far they may be from it: edits, as a share of its letters. As good on
#: mini's dev sets as 20 words up to 0.4, and faster.
MOST_SIMILAR, FARTHEST = 6, 0.3


class Lexicon:
    """Words that a spelling of the CTC may stand for: those of a text file, normalised as transcripts are."""

    def __init__(self, path: str | Path):
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file; a lexicon is a text of the words that may be said")
        words: dict[str, None] = {}
        try:
            for _, line in numbered_lines(path):
                words.update(dict.fromkeys(normalise_words(line.decode("utf-8")).split()))
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8; convert the file") from error
        if not words:
            raise UserError(f"{path}: no word in it; a lexicon is a text of the words that may be said")
        self.words = tuple(words)

    def similar(self, word: str) -> list[str]:
        """The words that are closest to one, closest first; itself, if it is in the lexicon."""
        farthest = max(1, round(FARTHEST * len(word)))
        found = process.extract(
            word, self.words, scorer=Levenshtein.distance, score_cutoff=farthest, limit=MOST_SIMILAR
        )
        return [similar for similar, _, _ in found]
