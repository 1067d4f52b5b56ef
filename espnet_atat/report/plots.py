"""Plots of a table (``recipe.table``'s JSON) and of the runs behind it, as PNG and as one self-contained HTML file.

Rows with their intervals, learning curves of each task, confusion of intents.
"""

import base64
import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from espnet_atat.atomic import atomic_write
from espnet_atat.report.tables import terminal

TASKS = ("asr", "slu", "mlm", "nlu")
#: What ``metrics.json`` has between the names of files that were scored as one.
BETWEEN_FILES = " + "
#: Figures that a plot of rows shows, the first that the table has.
LEADING = ("em_full", "em_hypothesis", "wer")


def write_report(content: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Draw all that a table and its runs allow.

    Args:
        folder: gets ``<name>_<plot>.png`` and ``<name>.html``.

    Returns:
        The HTML file, which needs no other file.
    """
    figures = {"rows": plot_rows(content["rows"])}
    for run in dict.fromkeys(run for row in content["rows"] for run in row["runs"]):
        curves = read_curves(Path(run) / "tensorboard")
        if curves:
            figures[f"learning_{Path(run).name}"] = plot_curves(curves, Path(run).name)
    for row in content["rows"]:
        if row["hypothesis"] is not None and row["files"]:
            counts = read_confusion(Path(row["files"][0]))
            figures[f"intents_{row['system']}_{Path(row['set']).name}"] = plot_confusion(counts, row["title"])
    sections = []
    for title, figure in figures.items():
        path = folder / f"{name}_{title}.png"
        figure.savefig(path, dpi=110, bbox_inches="tight")
        encoded = base64.b64encode(path.read_bytes()).decode("ascii")
        sections.append(
            f'<h2>{html.escape(title)}</h2><img alt="{html.escape(title)}" src="data:image/png;base64,{encoded}">'
        )
    page = folder / f"{name}.html"
    with atomic_write(page) as handle:
        handle.write(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(content["title"])}</title>'
            "<style>body{font-family:sans-serif;margin:2em}img{max-width:100%}</style>"
            f"<h1>{html.escape(content['title'])}</h1><pre>{html.escape(terminal(content))}</pre>"
            + "\n".join(sections)
            + "</html>\n"
        )
    return page


def plot_rows(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A point a row with its 95 % interval, in per cent."""
    figure = Figure(figsize=(7, 0.6 * len(rows) + 1.2))
    axes = figure.add_subplot()
    titles = []
    for place, row in enumerate(rows):
        measured = next(iter(row["columns"].values()))
        key = next(key for key in LEADING if key in measured)
        entry = measured[key]
        low, high = entry["interval"] or (entry["mean"], entry["mean"])
        axes.plot([100 * low, 100 * high], [place, place], color="tab:blue")
        axes.plot(100 * entry["mean"], place, "o", color="tab:blue")
        titles.append(f"{row['system']}\n{entry['title']}, {Path(row['set']).name}")
    axes.set_yticks(range(len(rows)), titles)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent, with 95 % intervals")
    axes.grid(axis="x", alpha=0.3)
    return figure


def read_curves(folder: Path) -> dict[str, dict[str, tuple[list[int], list[float]]]]:
    """Task → train or valid → batches and accuracy, of TensorBoard's files; empty without any."""
    curves: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    if not folder.is_dir():
        return curves
    # Imported here: it takes seconds, and most commands draw nothing.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for split in ("train", "valid"):
        events = EventAccumulator(str(folder / split), size_guidance={"scalars": 0})
        if not (folder / split).is_dir():
            continue
        events.Reload()
        for task in TASKS:
            if f"acc_{task}" in events.Tags()["scalars"]:
                # A task that a split does not have is noted as not-a-number, which is no point.
                points = [(each.step, each.value) for each in events.Scalars(f"acc_{task}") if each.value == each.value]
                if points:
                    steps, values = zip(*points, strict=True)
                    curves.setdefault(task, {})[split] = (list(steps), list(values))
    return curves


def plot_curves(curves: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]], title: str) -> Figure:
    """Accuracy of the next token (%), a colour a task: training thin, validation thick."""
    figure = Figure(figsize=(7, 4))
    axes = figure.add_subplot()
    for number, (task, splits) in enumerate(curves.items()):
        for split, (steps, values) in splits.items():
            style = {"linewidth": 2.2, "marker": "."} if split == "valid" else {"linewidth": 0.9, "alpha": 0.7}
            axes.plot(steps, [100 * value for value in values], color=f"C{number}", label=f"{task}, {split}", **style)
    axes.set_xlabel("batches")
    axes.set_ylabel("tokens right, %")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def read_confusion(metrics: Path) -> Counter[tuple[str, str]]:
    """(reference's intent, hypothesis's intent) → utterances, of a ``metrics.json``; ``–`` where there is none.

    It names the files that were scored; those of a cross validation are one pair a fold.
    """
    scored = json.loads(metrics.read_text(encoding="utf-8"))
    sides: list[dict[str, str]] = []
    for side in ("reference", "predicted"):
        files = map(Path, scored[side].split(BETWEEN_FILES))
        lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines())
        pairs = (line.partition(" ") for line in lines)
        sides.append({utt: _intent(target) for utt, _, target in pairs})
    references, hypotheses = sides
    return Counter((intent, hypotheses.get(utt, "–")) for utt, intent in references.items())


def _intent(target: str) -> str:
    root = target.partition(" ")[0]
    return root.removeprefix("[IN:") if root.startswith("[IN:") else "–"


def plot_confusion(counts: Mapping[tuple[str, str], int], title: str) -> Figure:
    """References downwards, hypotheses across; each line in shares of its references, the number in the cell."""
    names = sorted({intent for pair in counts for intent in pair})
    totals = {name: sum(count for (reference, _), count in counts.items() if reference == name) for name in names}
    shares = [[counts.get((row, column), 0) / max(totals[row], 1) for column in names] for row in names]
    size = 2.5 + 0.42 * len(names)
    figure = Figure(figsize=(size, size))
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in counts.items():
        y, x = names.index(row), names.index(column)
        axes.text(
            x, y, str(count), ha="center", va="center", fontsize=7, color="white" if shares[y][x] > 0.5 else "black"
        )
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel("understood")
    axes.set_ylabel("meant")
    axes.set_title(title, fontsize=10)
    return figure
