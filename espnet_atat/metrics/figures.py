"""The figures: each is a ratio of two sums over utterances of the counts below, summed before dividing (micro).

An utterance's counts, by column:

    utterances           1
    hypothesis_correct   1 if prediction and reference have the same meaning, see ``scoring``
    full_correct         1 if all tokens, tags and words, equal the reference's
    intent_correct       1 if the intent is right
    decoupled_correct    1 if all tags, and the words of the leaf slots, are right
    tags_correct         1 if all tags are right
    valid                1 if the prediction is a valid tree
    semantic_*           substitutions, insertions, deletions of slots; a wrong intent is one substitution
    slots_*              matched, predicted, reference
    slu_*                matches of slots by name, and what else there is, by words and by characters, see ``slu_f1``
    nodes_*              predicted, reference; matched by label and span, matched_trees by whole subtree
    word_*, char_*, token_*   substitutions, insertions, deletions, reference
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from espnet_atat.metrics.significance import interval

Counts = Mapping[str, np.ndarray]  # column → one number an utterance, shape (N,); whole, but for those of slu_f1

EDITS = ("substitutions", "insertions", "deletions")


@dataclass(frozen=True)
class Figure:
    """A ratio of weighted sums of columns.

    Attributes:
        numerator, denominator: column → weight.
        parts: name → column, further sums that are written with the figure.
    """

    title: str
    numerator: Mapping[str, int]
    denominator: Mapping[str, int]
    higher_is_better: bool = True
    parts: Mapping[str, str] | None = None

    def rows(self, counts: Mapping[str, Any], positions: Sequence[int] | None = None) -> np.ndarray:
        """(numerator, denominator) of each utterance, or of those at some positions, shape (N, 2)."""
        sides = (self.numerator, self.denominator)
        sums = [sum(weight * np.asarray(counts[column]) for column, weight in side.items()) for side in sides]
        rows = np.stack([np.asarray(column) for column in sums], axis=1)
        return rows if positions is None else rows[np.asarray(positions, dtype=int)]

    def measurable(self, counts: Mapping[str, Any]) -> bool:
        return all(column in counts for column in (*self.numerator, *self.denominator))


def _share(title: str, column: str) -> Figure:
    return Figure(title, {column: 1}, {"utterances": 1})


def _edits(title: str, unit: str, denominator: Mapping[str, int]) -> Figure:
    columns = {edit: f"{unit}_{edit}" for edit in EDITS}
    return Figure(title, dict.fromkeys(columns.values(), 1), denominator, higher_is_better=False, parts=columns)


def _retrieval(key: str, title: str, matched: str, unit: str) -> dict[str, Figure]:
    """Precision, recall and their harmonic mean, F1 = 2 · matched / (predicted + reference)."""
    predicted, reference = f"{unit}_predicted", f"{unit}_reference"
    return {
        f"{key}_precision": Figure(f"{title} precision", {matched: 1}, {predicted: 1}),
        f"{key}_recall": Figure(f"{title} recall", {matched: 1}, {reference: 1}),
        f"{key}_f1": Figure(f"{title} F1", {matched: 2}, {predicted: 1, reference: 1}),
    }


def _slu_f1(title: str, *units: str) -> Figure:
    """F1 = 2 TP / (2 TP + FP + FN) of the units together; a match is one true positive of each."""
    matched = {"slu_matched": 2 * len(units)}
    errors = {f"slu_{unit}_{kind}": 1 for unit in units for kind in ("surplus", "missed")}
    return Figure(title, matched, matched | errors)


FIGURES: dict[str, Figure] = {
    "em_hypothesis": _share("EM (hypothesis)", "hypothesis_correct"),
    "em_full": _share("EM (full)", "full_correct"),
    "em_decoupled": _share("EM (decoupled)", "decoupled_correct"),
    "em_tree": _share("EM-tree", "tags_correct"),
    "hyper": Figure("HypER", {"utterances": 1, "hypothesis_correct": -1}, {"utterances": 1}, higher_is_better=False),
    "semer": _edits("SemER", "semantic", {"slots_reference": 1, "utterances": 1}),
    "intent_accuracy": _share("intent accuracy", "intent_correct"),
    **_retrieval("slot", "slot", "slots_matched", "slots"),
    "slu_f1": _slu_f1("SLU-F1", "word", "char"),
    "slu_word_f1": _slu_f1("SLU word F1", "word"),
    "slu_char_f1": _slu_f1("SLU char F1", "char"),
    "wer": _edits("WER", "word", {"word_reference": 1}),
    "cer": _edits("CER", "char", {"char_reference": 1}),
    "ter": _edits("TER", "token", {"token_reference": 1}),
    **_retrieval("bracketing", "bracketing", "nodes_matched", "nodes"),
    **_retrieval("tree_bracketing", "tree bracketing", "nodes_matched_trees", "nodes"),
    "tree_validity": _share("tree validity", "valid"),
}


def mean_of_seeds(rows: Sequence[np.ndarray]) -> dict[str, float | None]:
    """``mean`` and ``sd`` (n − 1; None of one seed) of a figure's rows, seed by seed; no denominator, no value."""
    values = [ratio(*each.sum(axis=0)) for each in rows]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "sd": None}
    return {"mean": statistics.fmean(known), "sd": statistics.stdev(known) if len(known) > 1 else None}


def ratio(numerator: float, denominator: float) -> float | None:
    """The quotient; None if the denominator is 0."""
    return float(numerator / denominator) if denominator else None


def measure(counts: Counts) -> dict[str, dict[str, Any]]:
    """Every figure that the counts allow, by key.

    Each has ``title``, ``value`` (a share, not per cent; None without a denominator), ``numerator``, ``denominator``,
    ``utterances``, ``interval`` (95 %, percentile bootstrap over utterances; None without a value) and, for error
    rates, ``parts``.
    """
    measured = {}
    for key, figure in FIGURES.items():
        if not figure.measurable(counts):
            continue
        rows = figure.rows(counts)
        numerator, denominator = rows.sum(axis=0).tolist()
        entry: dict[str, Any] = {
            "title": figure.title,
            "value": ratio(numerator, denominator),
            "numerator": numerator,
            "denominator": denominator,
            "utterances": len(rows),
            "interval": interval(rows),
        }
        if figure.parts:
            entry["parts"] = {name: int(counts[column].sum()) for name, column in figure.parts.items()}
        measured[key] = entry
    return measured
