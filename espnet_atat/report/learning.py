"""Learning curves: the accuracy of the next token that ESPnet's trainer wrote to TensorBoard, task by task."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from espnet_atat.text.vocabulary import TASKS

THIN: Mapping[str, Any] = {"linewidth": 0.9, "alpha": 0.6}
THICK: Mapping[str, Any] = {"linewidth": 2.0, "marker": "."}

#: Task → train or valid → batches and accuracy.
type Curves = dict[str, dict[str, tuple[list[int], list[float]]]]


def group_runs(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], list[str]]:
    """A table's training runs of one kind, ``<kind>-seed<N>-<hash>``, a seed (and fold) each → the systems of them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        kinds: dict[str, list[str]] = {}
        for run in row["runs"]:
            kind, seed, _ = run.rpartition("-seed")
            if seed:
                kinds.setdefault(kind, []).append(run)
        for runs in kinds.values():
            systems = groups.setdefault(tuple(runs), [])
            if row["system"] not in systems:
                systems.append(row["system"])
    return groups


def name_runs(runs: Mapping[str, Curves]) -> list[tuple[str, Curves]]:
    """``exp/runs/pretrain-music-seed2-1a2b3c4d`` is ``seed 2``; with its hash where a seed has several, as of folds."""
    tails = [run.rpartition("-seed")[2].partition("-") for run in runs]
    seeds = [seed for seed, _, _ in tails]
    names = [f"seed {seed}" + (f" ({key})" if seeds.count(seed) > 1 else "") for seed, _, key in tails]
    return list(zip(names, runs.values(), strict=True))


def read_curves(folder: Path) -> Curves:
    """Of a run's folder ``tensorboard``, accuracies to four digits; empty without any."""
    curves: Curves = {}
    for split in ("train", "valid"):
        if not (folder / split).is_dir():
            continue
        # Imported here: it takes seconds, and most commands draw nothing.
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder / split), size_guidance={"scalars": 0})
        events.Reload()
        for task in TASKS:
            points: dict[int, float] = {}
            for each in events.Scalars(f"acc_{task}") if f"acc_{task}" in events.Tags()["scalars"] else ():
                # A task that a split does not have is noted as not-a-number, which is no point. At an epoch's end
                # ESPnet notes the last batches and then the mean of all: the latter belongs to no one place.
                if each.value == each.value:
                    points.setdefault(each.step, round(each.value, 4))
            if points:
                curves.setdefault(task, {})[split] = (list(points), list(points.values()))
    return curves


def collect_curves(runs: Iterable[Path]) -> dict[str, Curves]:
    return {str(run): curves for run in runs if (curves := read_curves(run / "tensorboard"))}


def plot_curves(runs: Sequence[tuple[str, Curves]], title: str) -> Figure:
    """A panel a task, a colour a run: training thin, validation thick; accuracy of the next token in per cent."""
    tasks = [task for task in TASKS if any(task in curves for _, curves in runs)]
    figure = Figure(figsize=(max(5.0, 3.3 * len(tasks)), 3.8), layout="constrained")
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, tasks, strict=True):
        for number, (_, curves) in enumerate(runs):
            for split, (steps, values) in curves.get(task, {}).items():
                style = THICK if split == "valid" else THIN
                axes.plot(steps, [100 * value for value in values], color=f"C{number}", **style)
        axes.set_title(task, fontsize=10)
        axes.set_xlabel("batches")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("next token right, %")
    handles = [Line2D([], [], color=f"C{number}", linewidth=2) for number in range(len(runs))]
    handles += [Line2D([], [], color="black", **THIN), Line2D([], [], color="black", **THICK)]
    names = [*(name for name, _ in runs), "training", "validation"]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8)
    figure.suptitle(title, fontsize=11)
    return figure
