"""Labelled bracketing of trees, as TOP is scored (Gupta et al. 2018, section 5).

A node is identified by its label and its span (number of its first word, number of its last word + 1); a node without
words has the span None. In *tree* bracketing its whole subtree, words included, must match too.
"""

from collections import Counter
from typing import NamedTuple

from espnet_atat.semantics.tree import CLOSE, OPEN_INTENT, OPEN_SLOT

type WordRange = tuple[int, int] | None


class Brackets(NamedTuple):
    """The nodes of one tree, the root included, as multisets."""

    labelled: Counter[tuple[str, WordRange]]  # the opening tag is the label
    subtrees: Counter[tuple[WordRange, str]]  # the text of the subtree opens with the label

    @property
    def nodes(self) -> int:
        return self.labelled.total()


NO_BRACKETS = Brackets(Counter(), Counter())  # of an invalid prediction


def brackets(tokens: list[str]) -> Brackets:
    """All intent and slot nodes of a valid tree, given as its tokens."""
    labelled: Counter[tuple[str, WordRange]] = Counter()
    subtrees: Counter[tuple[WordRange, str]] = Counter()
    opened: list[tuple[int, int]] = []  # (token number, number of words before it) of each open bracket
    words = 0
    for number, token in enumerate(tokens):
        if token == CLOSE:
            first, words_before = opened.pop()
            span = (words_before, words) if words > words_before else None
            labelled[tokens[first], span] += 1
            subtrees[span, " ".join(tokens[first : number + 1])] += 1
        elif token.startswith("["):
            opened.append((number, words))
        else:
            words += 1
    return Brackets(labelled, subtrees)


def as_top_reads(line: str) -> list[str] | None:
    """A prediction's tokens as the scorer that comes with TOP reads them (its evaluate.py and tree.py); None: invalid.

    It takes more lines for valid trees than ``semantics.tree.parse``: an empty one, several roots or none, words
    outside them, one ``]`` too many at the end (which it drops: the rest may be an exact match), a bracket inside a
    word, and a tag without a name. A label without IN: or SL: ends it with an error; here it is invalid.
    """
    tokens = line.split()
    opened: list[str] = []  # [IN: or [SL: of each open bracket
    for place, token in enumerate(tokens, start=1):
        if token == CLOSE:
            if not opened:
                return tokens[:-1] if place == len(tokens) else None
            opened.pop()
        elif token.startswith("["):
            tag = token[: len(OPEN_INTENT)]
            # Intents and slots take turns; above the root an intent is wanted.
            if tag not in (OPEN_INTENT, OPEN_SLOT) or tag == (opened[-1] if opened else OPEN_SLOT):
                return None
            opened.append(tag)
    return None if opened else tokens


def matching(reference: Brackets, predicted: Brackets) -> tuple[int, int]:
    """Nodes that the two trees share: (labelled bracketing, tree bracketing)."""
    labelled, subtrees = reference.labelled & predicted.labelled, reference.subtrees & predicted.subtrees
    return labelled.total(), subtrees.total()
