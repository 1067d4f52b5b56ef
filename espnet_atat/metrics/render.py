"""Scores and comparisons as tables for the terminal, from the dictionaries that the files contain."""

from typing import Any

from espnet_atat.metrics.figures import FIGURES
from espnet_atat.metrics.printing import MISSING, ends, mean_and_deviation, percent, terminal_table

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
    rows = [["figure", "A %", "B %", "A − B", "95 % interval", "p", ""]]
    for entry in result["figures"].values():
        sides = [mean_and_deviation(entry[side]["mean"], entry[side]["sd"], 2) for side in ("a", "b")]
        difference = percent(entry["difference"], 2, signed=True)
        interval = ends(entry["interval"], 2, signed=True) or MISSING
        p_value = MISSING if entry["p_value"] is None else f"{entry['p_value']:.4f}"
        better = f"{entry['better'].upper()} is better *" if entry["better"] else ""
        rows.append([entry["title"], *sides, difference, interval, p_value, better])
    names = [f"{side.upper()} = {', '.join(result[side])}" for side in ("a", "b")]
    part = f" of subset {result['subset']}" if result["subset"] else ""
    return "\n".join(
        [*names, f"{result['utterances']} utterances{part}, paired bootstrap", terminal_table(rows, {0, 6})]
    )


def _figures(figures: dict[str, dict[str, Any]]) -> str:
    rows = [["figure", "%", "95 % interval", "count", ""]]
    for key, entry in figures.items():
        parts = ", ".join(f"{count} {name[:3]}" for name, count in entry.get("parts", {}).items())
        arrow = "" if FIGURES[key].higher_is_better else "lower is better"
        note = "; ".join(filter(None, (parts, arrow)))
        sums = (entry["numerator"], entry["denominator"])
        count = " / ".join(f"{total:.6g}" if isinstance(total, float) else str(total) for total in sums)
        rows.append([entry["title"], percent(entry["value"], 2), ends(entry["interval"], 2) or MISSING, count, note])
    return terminal_table(rows, {0, 4})
