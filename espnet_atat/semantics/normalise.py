"""The text normalisation of every corpus; it changes words, never tags.

For each word (text between white space), in this order:

1. Unicode is composed (NFC), and square brackets are deleted, so that no word can be read as a tag. This is always on.
2. ``apostrophes``: the typographic variants ``’ ‘ ʼ ′ ´ ` ＇`` become ``'`` in a word that has a letter or a digit.
   Apostrophes are part of the word and stay: ``what's``, ``'s``, ``dogs'``.
3. ``punctuation``: what is not spoken is removed. A word that consists of ``. , ? ! ; … “ ” „ « » ¡ ¿ – —`` is deleted;
   these and ``: " ( )`` are stripped from the ends of other words, except a point before a digit (``.5``).
   Nothing inside a word changes, so numbers stay as the corpus writes them (``7:30``, ``1,000``, ``10.30``,
   ``7 : 30``), as do abbreviations (``p.m.`` becomes ``p.m``) and free-standing symbols that may be spoken
   (``&``, ``$5``, ``-``, ``/``).
4. ``lower_case``.

The normalisation is idempotent. Each step that can be switched off is a field of ``Normalisation``.
"""

import re
import unicodedata
from dataclasses import dataclass

from espnet_atat.semantics.tree import Tree, is_tag, parse

_UNSPOKEN = ".,?!;…“”„«»¡¿–—"
_FREE = re.compile(f"[{re.escape(_UNSPOKEN)}]+")
_EDGE = re.escape(_UNSPOKEN + ':"()')
_LEADING = re.compile(rf"^(?:(?!\.\d)[{_EDGE}])+")
_TRAILING = re.compile(rf"[{_EDGE}]+$")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ′´`＇", "'"))
_BRACKETS = str.maketrans("", "", "[]")


@dataclass(frozen=True)
class Normalisation:
    """Which steps of the normalisation are on (see the module's docstring)."""

    lower_case: bool = True
    apostrophes: bool = True
    punctuation: bool = True

    def word(self, word: str) -> str:
        """The word normalised; empty if nothing of it is spoken."""
        if word.isascii() and word.isalnum():
            return word.lower() if self.lower_case else word
        word = unicodedata.normalize("NFC", word).translate(_BRACKETS)
        if not any(map(str.isalnum, word)):
            return "" if self.punctuation and _FREE.fullmatch(word) else word
        if self.apostrophes:
            word = word.translate(_APOSTROPHES)
        if self.punctuation:
            word = _TRAILING.sub("", _LEADING.sub("", word))
        if self.lower_case:
            word = unicodedata.normalize("NFC", word.lower())
        return word

    def words(self, words: list[str]) -> list[str]:
        """The words normalised, without those that become empty."""
        return [kept for kept in map(self.word, words) if kept]


SPOKEN = Normalisation()
OFFICIAL = Normalisation(lower_case=False, apostrophes=False, punctuation=False)


def normalise_words(text: str, rules: Normalisation = SPOKEN) -> str:
    """A transcript normalised, with single spaces between its words."""
    return " ".join(rules.words(text.split()))


def normalise_tree(node: Tree, rules: Normalisation = SPOKEN) -> Tree:
    """The tree with its words normalised and its tags unchanged; a slot that loses all its words stays."""
    tokens = [token if is_tag(token) else rules.word(token) for token in node.tokens()]
    return parse(" ".join(token for token in tokens if token), nesting=False)
