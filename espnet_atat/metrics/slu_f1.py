"""SLU-F1, SLURP's measure of slots (Bastianelli et al. 2020, section 4): a slot with the right name counts even if its
value was misheard, but the distance of the two values is added to the false positives and to the false negatives.

Equal to the scorer that SLURP publishes (scripts/evaluation of github.com/pswietojanski/slurp), micro average.
"""

from collections.abc import Callable, Sequence

from rapidfuzz.distance import Levenshtein

from espnet_atat.semantics.frame import Slot


def word_distance(reference: str, predicted: str) -> float:
    """Word errors over the reference's words: above 1 where much was inserted."""
    words = reference.split()
    return Levenshtein.distance(words, predicted.split()) / max(1, len(words))


def char_distance(reference: str, predicted: str) -> float:
    """Character errors over the longer side's characters, spaces included."""
    return Levenshtein.distance(reference, predicted) / max(1, len(reference), len(predicted))


DISTANCES: dict[str, Callable[[str, str], float]] = {"word": word_distance, "char": char_distance}


def slu_counts(reference: Sequence[Slot], predicted: Sequence[Slot]) -> dict[str, float]:
    """Counts of one utterance: ``slu_matched``, and ``surplus`` (false positives) and ``missed`` by either distance.

    Each predicted slot, in its order, takes the nearest reference slot of its name that is left, the first of several.
    """
    counts: dict[str, float] = {}
    for unit, distance in DISTANCES.items():
        left, matched, surplus, apart = list(reference), 0, 0, 0.0
        for slot in predicted:
            same = [number for number, other in enumerate(left) if other.name == slot.name]
            if not same:
                surplus += 1
                continue
            far, nearest = min((distance(left[number].value, slot.value), number) for number in same)
            del left[nearest]
            matched, apart = matched + 1, apart + far
        counts["slu_matched"] = matched
        counts |= {f"slu_{unit}_surplus": surplus + apart, f"slu_{unit}_missed": len(left) + apart}
    return counts
