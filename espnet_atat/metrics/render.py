"""Scores and comparisons as tables for the terminal, from the dictionaries that the files contain."""

from collections.abc import Sequence
from typing import Any

from espnet_atat.metrics.figures import FIGURES

HEADLINE = ("em_hypothesis", "em_full", "semer", "intent_accuracy", "wer")  # of a subset; its file has all


def score_table(result: dict[str, Any]) -> str:
    """The figures of one ``metrics.json``: overall with counts and intervals, then the main ones of each subset."""
    kind = result["kind"] + (f" (hypothesis: {result['hypothesis']})" if result["hypothesis"] else "")
    info = "".join(f", {key} {value}" for key, value in result["info"].items())
    blocks = [f"{result['utterances']} utterances, {kind}{info}", _figures(result["figures"])]
    for name, subset in result["subsets"].items():
        blocks.append(f"\nsubset {name}: {subset['utterances']} utterances")
        if subset["utterances"]:
            blocks.append(_figures({key: entry for key, entry in subset["figures"].items() if key in HEADLINE}))
    invalid = result.get("invalid", {}).get("first", {})
    if invalid:
        utt_id, reason = next(iter(invalid.items()))
        blocks.append(f"\n{result['invalid']['utterances']} invalid predictions; the first, {utt_id}: {reason}")
    return "\n".join(blocks)


def comparison_table(result: dict[str, Any]) -> str:
    """The figures of a comparison; an asterisk marks a difference at p < 0.05."""
    rows = [("figure", "A %", "B %", "A − B", "95 % interval", "p", "")]
    for entry in result["figures"].values():
        better = f"{entry['better'].upper()} is better *" if entry["better"] else ""
        p_value = "–" if entry["p_value"] is None else f"{entry['p_value']:.4f}"
        rows.append(
            (
                entry["title"],
                _mean_and_deviation(entry["a"]),
                _mean_and_deviation(entry["b"]),
                _percent(entry["difference"], signed=True),
                _interval(entry["interval"], signed=True),
                p_value,
                better,
            )
        )
    sides = [f"{side.upper()} = {', '.join(result[side])}" for side in ("a", "b")]
    part = f" of subset {result['subset']}" if result["subset"] else ""
    return "\n".join([*sides, f"{result['utterances']} utterances{part}, paired bootstrap", _align(rows)])


def _figures(figures: dict[str, dict[str, Any]]) -> str:
    rows = [("figure", "%", "95 % interval", "count", "")]
    for key, entry in figures.items():
        parts = ", ".join(f"{count} {name[:3]}" for name, count in entry.get("parts", {}).items())
        arrow = "" if FIGURES[key].higher_is_better else "lower is better"
        note = "; ".join(filter(None, (parts, arrow)))
        count = f"{entry['numerator']} / {entry['denominator']}"
        rows.append((entry["title"], _percent(entry["value"]), _interval(entry["interval"]), count, note))
    return _align(rows)


def _percent(share: float | None, *, signed: bool = False) -> str:
    if share is None:
        return "–"
    return f"{100 * share:+.2f}" if signed else f"{100 * share:.2f}"


def _interval(ends: Sequence[float] | None, *, signed: bool = False) -> str:
    if ends is None:
        return "–"
    return " … ".join(_percent(end, signed=signed) for end in ends)


def _mean_and_deviation(summary: dict[str, float | None]) -> str:
    deviation = summary["sd"]
    return _percent(summary["mean"]) + ("" if deviation is None else f" ± {100 * deviation:.2f}")


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: names to the left, figures to the right, the last column unaligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell if place == last else cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
