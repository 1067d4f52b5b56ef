"""Exact match: of the hypothesis (what was meant) and of the full target (tags and words).

``hypothesis`` says what the hypothesis of an utterance is:

* ``frame``: the intent and the multiset of (slot name, slot value); carrier words do not count.
* ``tags``: the intent and the multiset of slot names; no word counts. This is FSC's 3-tuple, whose slot names carry
  the values (``[SL:LOCATION_WASHROOM bathroom ]``).
"""

from typing import Literal, get_args

from espnet_atat.semantics.frame import Frame, from_tree
from espnet_atat.semantics.tree import Node

Hypothesis = Literal["frame", "tags"]
HYPOTHESES: tuple[Hypothesis, ...] = get_args(Hypothesis)


def read_hypothesis(tree: Node, hypothesis: Hypothesis) -> Frame:
    """What a valid tree says, as far as ``hypothesis`` lets it count."""
    frame = from_tree(tree)
    return frame.tags_only() if hypothesis == "tags" else frame


def full_match(reference: str, predicted: str) -> bool:
    """True if the two targets are the same tokens; of valid reference trees, so is then the predicted tree.

    This is TOP's exact match too: equal serialised trees, an invalid prediction being wrong.
    """
    return reference.split() == predicted.split()
