"""What a table compares (see ``recipe.table``): the paper's figures, tests against baselines, the cost of each row."""

from collections.abc import Mapping, Sequence
from typing import Any

type Grid = list[list[str]]  # lines of cells, heads first

#: Stands at figures that were published, not measured here.
MARK = "†"


def constant(figures: Mapping[str, float] | str | None, key: str, *, signed: bool) -> str:
    """A published figure in per cent, or points of difference with their sign."""
    if not isinstance(figures, Mapping) or key not in figures:
        return "–"
    return (f"{figures[key]:+.2f}" if signed else f"{figures[key]:.2f}") + f" {MARK}"


def paper_keys(content: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Figures that the paper or others published of these rows."""
    published = [row.get("paper") for row in rows] + [cited["figures"] for cited in content.get("cited", ())]
    return {key for figures in published if isinstance(figures, Mapping) for key in figures}


def differences(content: Mapping[str, Any], keys: Sequence[str]) -> Grid:
    """A line for each row, what it is compared with, and figure; heads alone where nothing is compared."""
    lines = [["row", "set", "against", "figure", "difference", "95 % interval", "p", "better", "paper"]]
    for row in content["rows"]:
        seen = []
        for kind in ("baseline", "relative"):
            compared = row.get(kind)
            if compared is None or compared["system"] in seen:
                continue
            seen.append(compared["system"])
            config, figures = next(iter(compared["columns"].items()))
            titles = {key: entry["title"] for key, entry in row["columns"][config].items()}
            for key in (key for key in keys if key in figures and figures[key]["difference"] is not None):
                cells = [
                    row["system"],
                    row["set"],
                    compared["system"],
                    titles[key],
                    *_tested(figures[key], row, compared),
                ]
                lines.append([*cells, _published_difference(content, row, compared["system"], key)])
    return lines


def _tested(entry: Mapping[str, Any], row: Mapping[str, Any], compared: Mapping[str, Any]) -> list[str]:
    low, high = entry["interval"] or (None, None)
    better = {"row": row["system"], "baseline": compared["system"], None: "neither"}[entry["better"]]
    return [
        f"{100 * entry['difference']:+.1f}",
        "–" if low is None or high is None else f"[{100 * low:+.1f}, {100 * high:+.1f}]",
        f"{entry['p_value']:.4f}",
        better,
    ]


def _published_difference(content: Mapping[str, Any], row: Mapping[str, Any], other: str, key: str) -> str:
    """The same difference in the paper: its own, or of two figures that it printed."""
    mine = row.get("paper")
    if not isinstance(mine, Mapping) or key not in mine:
        return "–"
    relative = content["paper"]["relative"]
    if relative and other == content["relative_to"]:
        return f"{mine[key]:+.2f} {MARK}"
    theirs = next((each.get("paper") for each in content["rows"] if each["system"] == other), None)
    if not isinstance(theirs, Mapping) or key not in theirs:
        return "–"
    return f"{mine[key] - theirs[key]:+.2f} {MARK}"


def amounts(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Hours tested on, and what training took, a line for each row; heads alone where nothing is known."""
    lines = [["row", "set", "utterances", "hours", "parameters", "updates", "trained on (hours of audio)", "commit"]]
    for row in rows:
        training = row.get("training")
        if training is None:
            continue
        lines.append(
            [
                row["system"], row["set"], str(row["utterances"]), _hours(row.get("hours")),
                "–" if training["parameters"] is None else _size(training["parameters"]),
                "–" if training["updates"] is None else str(training["updates"]),
                _hours(training["hours"]), ", ".join(training["commits"]),
            ]
        )  # fmt: skip
    return lines


def _size(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} M" if parameters >= 1e5 else f"{parameters / 1e3:.1f} k"


def _hours(hours: float | None) -> str:
    return "–" if hours is None else f"{hours:.2f}"


def _worth(paper: Mapping[str, Any]) -> str:
    if paper.get("same_test"):
        return "They are of the same test set; pretraining data differ."
    return "They are of other data, speakers and model sizes, so the figures themselves are not comparable."


def notes(content: Mapping[str, Any]) -> list[str]:
    """What marks and differences mean, and which figures cannot be compared."""
    found = []
    if (paper := content.get("paper")) is not None:
        what = f"points of difference to its row of {content['relative_to']}" if paper["relative"] else "in per cent"
        constants = f"{what}: constants, printed for the order of the rows"
        found.append(f"{MARK} {paper['citation']}, {constants}. {_worth(paper)}")
    found += [f"{MARK} {cited['title']}: {cited['citation']}." for cited in content.get("cited", ())]
    if any(row.get("baseline") or row.get("relative") for row in content["rows"]):
        found.append(
            "Differences in points: row minus the row it stands against, on the same utterances, each utterance's "
            "counts averaged over seeds; paired bootstrap, two-sided; *better* names a winner where p < 0.05."
        )
    if content.get("command"):
        found.append(f"Made by `{content['command']}`, commit {content['commit']}.")
    return found
