"""Semantic error rate: the slots of two frames are matched name by name; the intent counts as one more slot.

SemER = (S + I + D) / (reference slots + utterances)
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from espnet_atat.semantics.frame import Frame, Slot


class SlotMatch(NamedTuple):
    """Matches of the slots of one name: equal values first, then pairs of unequal ones, then what is left on a side."""

    matched: int
    substituted: int
    deleted: int  # only in the reference
    inserted: int  # only in the prediction

    @property
    def reference(self) -> int:
        return self.matched + self.substituted + self.deleted

    @property
    def predicted(self) -> int:
        return self.matched + self.substituted + self.inserted


def match_slots(reference: Iterable[Slot], predicted: Iterable[Slot]) -> dict[str, SlotMatch]:
    """Match two multisets of slots; slot name → counts."""
    values: defaultdict[str, tuple[Counter[str], Counter[str]]] = defaultdict(lambda: (Counter(), Counter()))
    for side, slots in enumerate((reference, predicted)):
        for slot in slots:
            values[slot.name][side][slot.value] += 1
    matches = {}
    for name, (wanted, found) in values.items():
        matched = (wanted & found).total()
        left, surplus = wanted.total() - matched, found.total() - matched
        pairs = min(left, surplus)
        matches[name] = SlotMatch(matched, pairs, left - pairs, surplus - pairs)
    return matches


def semantic_errors(reference: Frame, predicted: Frame | None, slots: dict[str, SlotMatch]) -> tuple[int, int, int]:
    """Substitutions, insertions and deletions of one utterance, given ``match_slots`` of the two.

    A wrong intent is a substitution, as that of an invalid prediction (None) is.
    """
    wrong_intent = predicted is None or predicted.intent != reference.intent
    return (
        wrong_intent + sum(match.substituted for match in slots.values()),
        sum(match.inserted for match in slots.values()),
        sum(match.deleted for match in slots.values()),
    )
