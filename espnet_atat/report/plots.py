"""Plots of a table (``report.table_content``) and of the runs behind it, as PNG and as one self-contained HTML file.

Figures over an amount, rows side by side with their intervals, attention of one utterance, confusion of intents,
learning curves of each task: what the files allow. No model is read.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import short
from espnet_atat.report.glance import ATTENTION_FILE, plot_glance, read_glance
from espnet_atat.report.grids import seeds_of
from espnet_atat.report.intents import plot_confusion, read_confusion, scored_files
from espnet_atat.report.learning import Curves, group_runs, name_runs, plot_curves, read_curves
from espnet_atat.report.row_plots import curve_groups, groups, plot_curve, plot_group
from espnet_atat.report.table_page import Plot, write_page
from espnet_atat.strict_json import read_json

INTERVALS = "95 % intervals (percentile bootstrap over utterances, each utterance's counts averaged over seeds)"


def write_report(content: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Draw all that a table and its runs allow, beside its ``<name>.json``: PNGs, and the HTML file that is given."""
    page = folder / f"{name}.html"
    write_page(content, table_plots(content, str(page.with_suffix(".json"))), page)
    return page


def table_plots(content: Mapping[str, Any], source: str) -> Iterator[Plot]:
    yield from _curves_over_amounts(content, source)
    yield from _rows(content, source)
    yield from _attention(content)
    yield from _intents(content)
    yield from _learning(content)


def _name(*parts: str) -> str:
    return re.sub(r"[^\w.-]+", "_", "_".join(parts), flags=re.ASCII)


def _curves_over_amounts(content: Mapping[str, Any], source: str) -> Iterator[Plot]:
    for group in curve_groups(content):
        curve = content["curve"]
        caption = (
            f"{group.axis} on {group.set} over the amount of data (logarithmic): {seeds_of(group.rows)}, decoded with "
            f"{group.configs[0]}, with {INTERVALS}. The lines are drawn a little beside each other."
        )
        title = f"By {curve['x']}: {short(group.set)}"
        yield Plot(_name("amount", short(group.set), group.key), title, caption, [source], plot_curve(curve, group))


def _rows(content: Mapping[str, Any], source: str) -> Iterator[Plot]:
    for group in groups(content):
        caption = (
            f"{group.axis} of every row tested on {group.set}: {seeds_of(group.rows)}, with {INTERVALS}. "
            f"By {', '.join(group.configs)}: the inference configuration, or the words that a pipeline reads."
        )
        title = f"{'Rows' if len(group.rows) > 1 else 'Row'} on {short(group.set)}"
        yield Plot(_name("rows", short(group.set), group.key), title, caption, [source], plot_group(group))


def _attention(content: Mapping[str, Any]) -> Iterator[Plot]:
    for row in content["rows"]:
        metrics = [path for path in map(Path, row["files"]) if path.is_file()]
        scored = [hyp for path in metrics for hyp in scored_files(path, "predicted")]  # pooled folds': in their folders
        found = [path for path in (hyp.with_name(ATTENTION_FILE) for hyp in scored) if path.is_file()]
        if not found:
            continue
        glance = read_glance(found[0])
        wrong = "" if glance.hypothesis == glance.reference else f", but the reference is {glance.reference}"
        caption = (
            f"Where the decoder looked for each token of {glance.utt_id}, in its audio and in its text: mean over "
            "layers and heads of the source attention; each line's darkest place is its maximum. The tokens are "
            f"what the model made of the audio: {glance.hypothesis or 'nothing'}{wrong}."
        )
        title = f"Attention, heard and read: {row['title']}"
        figure = plot_glance(glance, f"{row['title']}: {glance.utt_id}")
        yield Plot(_name("attention", row["system"], short(row["set"])), title, caption, [str(found[0])], figure)


def _intents(content: Mapping[str, Any]) -> Iterator[Plot]:
    for row in content["rows"]:
        if row["hypothesis"] is None or not row["files"]:
            continue
        source = row["files"][0]
        counts = read_confusion(Path(source))
        if not counts:
            continue
        caption = (
            f"Utterances of {row['set']} by the intent that was meant (down) and understood (across): "
            f"seed {row['seeds'][0]}, decoded with {next(iter(row['columns']))}. Colour: share of the line."
        )
        title = f"Intents: {row['title']}"
        yield Plot(
            _name("intents", row["system"], short(row["set"])), title, caption, [source], plot_confusion(counts, title)
        )


def _learning(content: Mapping[str, Any]) -> Iterator[Plot]:
    recorded: dict[str, tuple[str, Curves]] = {}
    rows = []
    for row in content["rows"]:
        files = row.get("learning", ())
        of_row = {run: (file, curves) for file in files for run, curves in read_json(file).items()}
        recorded |= of_row
        rows.append({**row, "runs": [*row["runs"], *of_row]})
    for runs, systems in group_runs(rows).items():
        for run in runs:
            if run not in recorded:
                folder = f"{run}/tensorboard"
                recorded[run] = (folder, read_curves(Path(folder)))
        learnt = {run: recorded[run][1] for run in runs if recorded[run][1]}
        if not learnt:
            continue
        kind = Path(runs[0]).name.rpartition("-seed")[0]
        caption = (
            f"Share of next tokens that {kind} predicts rightly, given those before, task by task, over the batches of "
            f"its training. It is part of {', '.join(systems)}."
        )
        name = _name("learning", Path(runs[0]).name)
        figure = plot_curves(name_runs(learnt), kind)
        read_from = list(dict.fromkeys(recorded[run][0] for run in learnt))
        yield Plot(name, f"Learning curves: {kind}", caption, read_from, figure)
