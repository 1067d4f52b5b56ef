"""Compare two systems from their ``metrics.json`` files: paired bootstrap over the utterances that both scored.

Each side may have several files, the seeds of one system: counts of an utterance are averaged over them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from espnet_atat.datadir import TEXT_FORM
from espnet_atat.errors import UserError
from espnet_atat.metrics.figures import FIGURES, Figure, mean_of_seeds
from espnet_atat.metrics.scoring import SCORER
from espnet_atat.metrics.significance import CONFIDENCE, DRAWS, SEED, SIGNIFICANT, Difference, paired_difference

type Named = tuple[str, dict[str, Any]]  # a file's name, for messages, and what read_metrics gave


def compare(a: Sequence[Named], b: Sequence[Named], *, subset: str | None = None) -> dict[str, Any]:
    """Compare system A with system B on every figure that all files hold, of all utterances or of a subset.

    Returns:
        ``a``, ``b`` (file names), ``subset``, ``utterances``, ``bootstrap``, and ``figures``: key → title, a and b
        (``mean`` and, with several seeds, ``sd`` of the seeds' values), ``difference`` (A − B, of the averaged
        counts), ``interval`` (95 %), ``p_value`` (two-sided) and ``better`` (``a``, ``b`` or null).
    """
    files = [*a, *b]
    _check_alike(files)
    positions = _positions(files, subset)
    figures = {}
    for key, figure in FIGURES.items():
        sides = [[metrics["counts"]["columns"] for _, metrics in side] for side in (a, b)]
        if not all(figure.measurable(columns) for side in sides for columns in side):
            continue
        rows_a, rows_b = ([figure.rows(columns, positions) for columns in side] for side in sides)
        found = paired_difference(np.mean(rows_a, axis=0), np.mean(rows_b, axis=0))
        figures[key] = {
            "title": figure.title,
            "a": mean_of_seeds(rows_a),
            "b": mean_of_seeds(rows_b),
            **found._asdict(),
            "better": _better(figure, found),
        }
    return {
        "a": [name for name, _ in a],
        "b": [name for name, _ in b],
        "subset": subset,
        "utterances": len(positions),
        "bootstrap": {"draws": DRAWS, "seed": SEED, "level": CONFIDENCE},
        "figures": figures,
    }


def _check_alike(files: Sequence[Named]) -> None:
    first_name, first = files[0]
    for name, metrics in files[1:]:
        for key in ("kind", "hypothesis"):
            if metrics[key] != first[key]:
                raise UserError(f"{name}: {key} is {metrics[key]}, but {first[key]} in {first_name}")
        forms = [one["info"].get(TEXT_FORM) for one in (metrics, first)]
        if None not in forms and forms[0] != forms[1]:
            raise UserError(f"{name}: its text is in the {forms[0]} form, but {forms[1]} in {first_name}")
        scorers = [one["info"].get(SCORER, "strict") for one in (metrics, first)]
        if scorers[0] != scorers[1]:
            raise UserError(f"{name}: scored by the {scorers[0]} scorer, but by the {scorers[1]} one in {first_name}")
        ids, wanted = metrics["counts"]["utt_ids"], first["counts"]["utt_ids"]
        if ids != wanted:
            utt_id = min(set(ids) ^ set(wanted))
            here, other = (name, first_name) if utt_id in ids else (first_name, name)
            raise UserError(f"{here} has utterance {utt_id!r}, {other} has not; compare scores of the same test set")


def _positions(files: Sequence[Named], subset: str | None) -> list[int]:
    """Positions of the utterances to compare on, the same in every file."""
    first_name, first = files[0]
    if subset is None:
        return list(range(len(first["counts"]["utt_ids"])))
    for name, metrics in files:
        known = metrics["counts"]["subsets"]
        if subset not in known:
            raise UserError(f"{name}: no subset {subset!r}; it has {', '.join(known) or 'none'}")
        if known[subset] != first["counts"]["subsets"][subset]:
            raise UserError(f"{name}: subset {subset!r} holds other utterances than in {first_name}")
    return first["counts"]["subsets"][subset]


def _better(figure: Figure, found: Difference) -> str | None:
    if found.difference is None or found.p_value is None or found.p_value >= SIGNIFICANT:
        return None
    return "a" if (found.difference > 0) == figure.higher_is_better else "b"
