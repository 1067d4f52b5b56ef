"""Labelled bracketing of trees, as TOP is scored (Gupta et al. 2018, section 5).

A node is identified by its label and its span (number of its first word, number of its last word + 1); a node without
words has the span None. In *tree* bracketing its whole subtree, words included, must match too.
"""

from collections import Counter
from typing import NamedTuple

from espnet_atat.semantics.tree import CLOSE

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


def matching(reference: Brackets, predicted: Brackets) -> tuple[int, int]:
    """Nodes that the two trees share: (labelled bracketing, tree bracketing)."""
    labelled, subtrees = reference.labelled & predicted.labelled, reference.subtrees & predicted.subtrees
    return labelled.total(), subtrees.total()
