"""A table's figures with their intervals: rows side by side, and over an amount."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from espnet_atat.metrics.printing import mean_and_deviation

#: Figures that a plot of rows shows where the table names none: the first that the row has.
USUAL = ("em_full", "em_hypothesis", "wer")
#: One for each inference configuration, or line.
MARKERS = "osD^vP"
#: Room below 0, as a share of what is above it: a point there is seen whole.
BELOW_ZERO = 0.02


@dataclass(frozen=True)
class PlotGroup:
    """Rows that can be compared: of one test set (``recipe/name``), measured by one figure (its key)."""

    set: str
    key: str
    rows: tuple[Mapping[str, Any], ...]

    @property
    def configs(self) -> list[str]:
        names = (name for row in self.rows for name, figures in row["columns"].items() if self.key in figures)
        return list(dict.fromkeys(names))

    @property
    def axis(self) -> str:
        """What is measured: ``SemER, % (lower is better)``."""
        entry = next(iter(self.rows[0]["columns"].values()))[self.key]
        return f"{entry['title']}, %" + ("" if entry["higher_is_better"] else " (lower is better)")


def groups(content: Mapping[str, Any]) -> list[PlotGroup]:
    """The table's rows by test set; each by the first figure that the table names and the row has."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in content["rows"]:
        measured = next(iter(row["columns"].values()))
        keys = [key for key in (*content.get("figures", ()), *USUAL) if key in measured]
        if keys:
            found.setdefault((row["set"], keys[0]), []).append(row)
    return [PlotGroup(name, key, tuple(rows)) for (name, key), rows in found.items()]


def curve_groups(content: Mapping[str, Any]) -> list[PlotGroup]:
    """The groups that have at least two rows on the table's curve, without their other rows."""
    if not content.get("curve"):
        return []
    systems = {system for points in content["curve"]["lines"].values() for system in points}
    chosen = (
        PlotGroup(group.set, group.key, tuple(row for row in group.rows if row["system"] in systems))
        for group in groups(content)
    )
    return [group for group in chosen if len(group.rows) > 1]


def plot_group(group: PlotGroup) -> Figure:
    """A line a row: each inference configuration's figure as a point on its 95 % interval, the number beside it."""
    decoded = [[name for name in group.configs if group.key in row["columns"].get(name, ())] for row in group.rows]
    most = max(map(len, decoded))
    figure = Figure(figsize=(9.5, len(group.rows) * (0.35 + 0.22 * most) + 1.4), layout="constrained")
    axes = _axes(figure, group, "x")
    highest = 100.0
    for number, config in enumerate(group.configs):
        points = {
            place + 0.6 / most * (configs.index(config) - (len(configs) - 1) / 2): row["columns"][config][group.key]
            for place, (row, configs) in enumerate(zip(group.rows, decoded, strict=True))
            if config in configs
        }
        means, errors = _bars(list(points.values()))
        axes.errorbar(means, list(points), xerr=errors, fmt=MARKERS[number % len(MARKERS)], label=config)
        for (y, entry), mean, above in zip(points.items(), means, errors[1], strict=True):
            highest = max(highest, mean + above)
            text = mean_and_deviation(entry["mean"], entry["sd"])
            axes.annotate(text, (mean + above, y), (5, 0), textcoords="offset points", va="center", fontsize=8)
    names = ["\n".join(textwrap.wrap(row["title"], 44)) for row in group.rows]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(-BELOW_ZERO * highest, 1.13 * highest)  # room for a point at 0, and for the numbers
    axes.set_xticks(range(0, int(highest) + 1, 20))
    axes.set_xlabel(group.axis)
    if len(group.configs) > 1:
        figure.legend(loc="outside lower center", ncols=len(group.configs), fontsize=9)
    return figure


def plot_curve(curve: Mapping[str, Any], group: PlotGroup) -> Figure:
    """Lines over an amount (logarithmic), the leading configuration's figures with their 95 % intervals."""
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = _axes(figure, group, "both")
    rows = {row["system"]: row for row in group.rows}
    for number, (title, points) in enumerate(curve["lines"].items()):
        # Beside each other, or an interval would hide the other line's.
        beside = 1.025 ** (number - (len(curve["lines"]) - 1) / 2)
        places = sorted((amount, system) for system, amount in points.items() if system in rows)
        means, errors = _bars([next(iter(rows[system]["columns"].values()))[group.key] for _, system in places])
        amounts = [amount * beside for amount, _ in places]
        axes.errorbar(amounts, means, yerr=errors, marker=MARKERS[number % len(MARKERS)], capsize=4, label=title)
    amounts = sorted({amount for points in curve["lines"].values() for amount in points.values()})
    axes.set_xscale("log")
    axes.set_xticks(amounts, [f"{amount:g}" for amount in amounts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(curve["x"])
    axes.set_ylabel(group.axis)
    top = 1.05 * max(axes.get_ylim()[1], 10.0)
    axes.set_ylim(-BELOW_ZERO * top, top)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _axes(figure: Figure, group: PlotGroup, grid: Any) -> Axes:
    axes = figure.add_subplot()
    axes.set_title(f"{group.set}, {group.rows[0]['utterances']} utterances", fontsize=11)
    axes.grid(axis=grid, alpha=0.3)
    return axes


def _bars(entries: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[list[float]]]:
    """Means in per cent, and how far their intervals reach below and above."""
    means = [100 * entry["mean"] for entry in entries]
    ends = [entry["interval"] or (entry["mean"], entry["mean"]) for entry in entries]
    below = [max(mean - 100 * low, 0.0) for mean, (low, _) in zip(means, ends, strict=True)]
    return means, [below, [max(100 * high - mean, 0.0) for mean, (_, high) in zip(means, ends, strict=True)]]
