"""Exact match of the hypothesis (the meaning) and of the full target (tags and words).

``hypothesis`` selects what the hypothesis of an utterance is:

* ``frame``: the intent and the multiset of (slot name, slot value); carrier words do not count.
* ``tags``: the intent and the multiset of slot names; words do not count. This is FSC's 3-tuple, where slot names
  contain the values (``[SL:LOCATION_WASHROOM bathroom ]``).
"""

from typing import Literal, get_args

from espnet_atat.semantics.frame import Frame, from_tree
from espnet_atat.semantics.tree import Node

Hypothesis = Literal["frame", "tags"]
HYPOTHESES: tuple[Hypothesis, ...] = get_args(Hypothesis)


def read_hypothesis(tree: Node, hypothesis: Hypothesis) -> Frame:
    """The part of a valid tree that ``hypothesis`` compares."""
    frame = from_tree(tree)
    return frame.tags_only() if hypothesis == "tags" else frame


def full_match(reference: str, predicted: str) -> bool:
    """True if the two targets have the same tokens, and hence, for valid reference trees, are the same tree.

    This is also TOP's exact match: serialised trees are equal, and an invalid prediction is wrong.
    """
    return reference.split() == predicted.split()
