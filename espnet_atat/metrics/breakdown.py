"""Counts by intent and by slot: where the errors are."""

from collections import defaultdict
from typing import Any

from espnet_atat.metrics.figures import ratio
from espnet_atat.metrics.semer import SlotMatch
from espnet_atat.semantics.frame import Frame

CORRECT = ("intent_correct", "hypothesis_correct", "full_correct")


class Breakdown:
    """Adds up utterances; ``by_intent`` and ``by_slot`` are then ready for ``metrics.json``."""

    def __init__(self) -> None:
        counted = ("utterances", "predicted", *CORRECT)
        self._intents: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(counted, 0))
        self._slots: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SlotMatch._fields, 0))

    def add(
        self, reference: Frame, predicted: Frame | None, correct: dict[str, Any], slots: dict[str, SlotMatch]
    ) -> None:
        """Count one utterance; ``correct`` holds its three ``*_correct`` counts."""
        entry = self._intents[reference.intent]
        entry["utterances"] += 1
        for name in CORRECT:
            entry[name] += correct[name]
        if predicted is not None:
            self._intents[predicted.intent]["predicted"] += 1
        for name, match in slots.items():
            for kind, count in match._asdict().items():
                self._slots[name][kind] += count

    def by_intent(self) -> dict[str, dict[str, Any]]:
        """Reference intent → counts, with precision and recall of the intent, and the two exact matches, as shares."""
        return {
            intent: entry
            | {
                "precision": ratio(entry["intent_correct"], entry["predicted"]),
                "recall": ratio(entry["intent_correct"], entry["utterances"]),
                "em_hypothesis": ratio(entry["hypothesis_correct"], entry["utterances"]),
                "em_full": ratio(entry["full_correct"], entry["utterances"]),
            }
            for intent, entry in sorted(self._intents.items())
        }

    def by_slot(self) -> dict[str, dict[str, Any]]:
        """Slot name → counts, with precision, recall and F1 over (name, value)."""
        out = {}
        for name, entry in sorted(self._slots.items()):
            match = SlotMatch(**entry)
            out[name] = entry | {
                "reference": match.reference,
                "predicted": match.predicted,
                "precision": ratio(match.matched, match.predicted),
                "recall": ratio(match.matched, match.reference),
                "f1": ratio(2 * match.matched, match.predicted + match.reference),
            }
        return out
