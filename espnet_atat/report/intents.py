"""Confusions of intents, from scored sets."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from espnet_atat.metrics.metrics_file import read_metrics

NONE = "(none)"


def scored_files(metrics: Path, side: str) -> list[Path]:
    """The ``reference`` or ``predicted`` files of a ``metrics.json``; beside it, if they were moved together."""
    scored = read_metrics(metrics)
    files = [Path(name) for name in scored[side].split(" + ")]  # as a Listing of several files is named
    beside = metrics.with_name(files[0].name)
    return [beside] if len(files) == 1 and not files[0].is_file() and beside.is_file() else files


def read_confusion(metrics: Path) -> Counter[tuple[str, str]]:
    """(reference's intent, hypothesis's intent) → utterances; empty where the scored files are gone."""
    sides: list[dict[str, str]] = []
    for side in ("reference", "predicted"):
        files = scored_files(metrics, side)
        if not all(file.is_file() for file in files):
            return Counter()
        lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines())
        pairs = (line.partition(" ") for line in lines)
        sides.append({utt: _intent(target) for utt, _, target in pairs})
    references, hypotheses = sides
    return Counter((intent, hypotheses.get(utt, NONE)) for utt, intent in references.items())


def _intent(target: str) -> str:
    root = target.partition(" ")[0]
    return root.removeprefix("[IN:") if root.startswith("[IN:") else NONE


def plot_confusion(counts: Mapping[tuple[str, str], int], title: str) -> Figure:
    """References downwards, hypotheses across; each line in shares of its references, the number in the cell."""
    names = sorted({intent for pair in counts for intent in pair}, key=lambda name: (name == NONE, name))
    table = np.array([[counts.get((row, column), 0) for column in names] for row in names])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.42 * len(names)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, x in np.argwhere(table):
        colour = "white" if shares[y, x] > 0.5 else "black"
        axes.text(x, y, str(table[y, x]), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel("understood")
    axes.set_ylabel("meant")
    axes.set_title("\n".join(textwrap.wrap(title, 50)), fontsize=10)
    return figure
