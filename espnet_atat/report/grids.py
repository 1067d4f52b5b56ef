"""A table (``report.table_content``) as grids: lines of cells, heads first; and the text that goes with them.

Markdown, LaTeX and HTML render the grids; the terminal lays the same figures out in two lines a row.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet_atat.metrics.printing import MISSING, Grid, ends, mean_and_deviation, percent

type TableContent = Mapping[str, Any]
type TableRow = Mapping[str, Any]

#: Stands at figures that were published, not measured here.
MARK = "†"
#: Figures whose differences a table in brief has.
LEADING = ("em_full", "semer")


@dataclass(frozen=True)
class Column:
    """One figure of a table's rows, by its key.

    Attributes:
        config: an inference configuration beside the row's leading one; None: the leading one.
        brief: whether the terminal's table has it too.
        published: the paper's figure, not ours.
    """

    head: str
    figure: str
    subset: str | None = None
    config: str | None = None
    brief: bool = True
    published: bool = False


TREE_COLUMNS = (
    Column("EM", "em_full"),
    Column("EM heard", "em_full", subset="heard"),
    Column("unheard", "em_full", subset="unheard"),
    Column("EM hyp.", "em_hypothesis", brief=False),
    Column("SemER", "semer"),
    Column("intent", "intent_accuracy"),
    Column("WER", "wer"),
)
WORD_COLUMNS = (Column("WER", "wer"), Column("WER heard", "wer", subset="heard"), Column("unheard", "wer", "unheard"))


def grids(content: TableContent, *, brief: bool = False) -> list[Grid]:
    """Figures of trees and of words; differences to baselines, in brief of the leading figures; what each row cost."""
    groups = column_groups(content)
    keys = list(dict.fromkeys(column.figure for columns, _ in groups for column in columns))
    if brief:
        keys = [key for key in keys if key in LEADING] or keys[:1]
    found = [_figures(content, columns, rows) for columns, rows in groups]
    return [grid for grid in (*found, _differences(content, keys), _amounts(content["rows"])) if len(grid) > 1]


def column_groups(content: TableContent) -> list[tuple[list[Column], list[TableRow]]]:
    """Rows of trees, then rows of words, each with the columns that any of them fills.

    A further inference configuration has columns for the figures that the table names, or for the leading ones; in
    brief, for the first of them.
    """
    measured = [figures for row in content["rows"] for figures in row["columns"].values()]
    titles = {key: entry["title"] for figures in measured for key, entry in figures.items()}
    named = [Column(titles[key], key) for key in content.get("figures", ()) if key in titles]
    further = list(dict.fromkeys(name for row in content["rows"] for name in list(row["columns"])[1:]))
    groups = []
    for trees, usual in ((True, TREE_COLUMNS), (False, WORD_COLUMNS)):
        again = named or [column for column in usual if column.figure in LEADING and column.subset is None]
        columns = [*(named or usual)]
        for config in further:
            columns += [
                dataclasses.replace(each, head=f"{each.head} ({config})", config=config, brief=each is again[0])
                for each in again
            ]
        rows = [row for row in content["rows"] if (row["hypothesis"] is not None) == trees]
        if rows:
            groups.append(([column for column in columns if any(_entry(row, column) for row in rows)], rows))
    return groups


def kind(row: TableRow) -> str:
    """Task, and the form of the text where the corpus has two."""
    return row["task"] + (f", {row['text_form']} text" if row.get("text_form") else "")


def value(row: TableRow, column: Column) -> str:
    """The figure, with its deviation over seeds."""
    entry = _entry(row, column)
    return mean_and_deviation(entry["mean"], entry["sd"]) if entry else MISSING


def detail(row: TableRow, column: Column) -> str:
    """The figure's interval, or of a subset its number of utterances."""
    entry = _entry(row, column)
    if entry and column.subset is not None:
        return f"({row['subsets'][column.subset]['utterances']})"
    return ends(entry["interval"]) if entry else ""


def of_folds(row: TableRow, column: Column) -> str:
    """Mean and deviation of a figure over the folds of a cross validation; of the whole set only."""
    entry = _entry(row, column)
    if entry is None or column.subset is not None or entry.get("fold_mean") is None:
        return ""
    return mean_and_deviation(entry["fold_mean"], entry["fold_sd"])


def of_paper(content: TableContent, row: TableRow, column: Column) -> str:
    """The paper's figure of a row, or its remark."""
    if isinstance(row.get("paper"), str):
        return str(row["paper"])
    return "" if column.subset or column.config else _constant(content, row.get("paper"), column.figure)


def seeds_of(rows: Sequence[TableRow]) -> str:
    """``seed 1``, or what several seeds are."""
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    named = ", ".join(map(str, seeds))
    return f"seed {named}" if len(seeds) == 1 else f"mean ± standard deviation over seeds {named}"


def _entry(row: TableRow, column: Column) -> Mapping[str, Any] | None:
    leading, *others = row["columns"]
    if column.subset is not None:
        figures = row["subsets"].get(column.subset, {}).get("figures", {})
    elif column.config is None:
        figures = row["columns"][leading]
    else:
        figures = row["columns"][column.config] if column.config in others else {}
    entry: Mapping[str, Any] | None = figures.get(column.figure)
    return entry


def _figures(content: TableContent, columns: Sequence[Column], rows: Sequence[TableRow]) -> Grid:
    """A line a row, then those of others' work; where the paper has a figure, it is the next column."""
    cited = content.get("cited", ())
    published = [row.get("paper") for row in rows] + [each["figures"] for each in cited]
    printed = list(_with_published(columns, {key for each in published if isinstance(each, Mapping) for key in each}))
    lines = [["system", "set", "task", "utterances", *(column.head for column in printed)]]
    for row in rows:
        cells = [_cell(content, row, column) for column in printed]
        lines.append([row["title"], row["set"], kind(row), str(row["utterances"]), *cells])
    for each in cited:
        cells = [
            _constant(content, each["figures"], column.figure) if column.published else MISSING for column in printed
        ]
        lines.append([each["title"], *[MISSING] * 3, *cells])
    return lines


def _with_published(columns: Sequence[Column], published: set[str]) -> Iterator[Column]:
    for column in columns:
        yield column
        if column.figure in published and not (column.subset or column.config):
            yield dataclasses.replace(column, head=f"{column.head}, paper", published=True)


def _cell(content: TableContent, row: TableRow, column: Column) -> str:
    if column.published:
        return of_paper(content, row, column)
    spread = of_folds(row, column)
    return " ".join(filter(None, (value(row, column), detail(row, column), spread and f"(folds: {spread})")))


def _constant(content: TableContent, figures: object, key: str) -> str:
    """A published figure in per cent, or points of difference with their sign."""
    if not isinstance(figures, Mapping) or key not in figures:
        return MISSING
    is_relative = bool(content.get("paper") and content["paper"]["relative"])
    return f"{figures[key]:+.2f} {MARK}" if is_relative else f"{figures[key]:.2f} {MARK}"


def _differences(content: TableContent, keys: Sequence[str]) -> Grid:
    """A line for each row, what it is compared with, and figure."""
    lines = [["row", "set", "against", "figure", "difference", "95 % interval", "p", "better", "paper"]]
    for row in content["rows"]:
        others = {each["system"]: each for each in (row.get("baseline"), row.get("relative")) if each is not None}
        for other, compared in others.items():
            config, figures = next(iter(compared["columns"].items()))
            for key in keys:
                entry = figures.get(key)
                if entry is None or entry["difference"] is None:
                    continue
                title = row["columns"][config][key]["title"]
                better = {"row": row["system"], "baseline": other, None: "neither"}[entry["better"]]
                lines.append(
                    [
                        row["system"], row["set"], other, title, percent(entry["difference"], signed=True),
                        ends(entry["interval"], signed=True) or MISSING, f"{entry['p_value']:.4f}", better,
                        _published_difference(content, row, other, key),
                    ]
                )  # fmt: skip
    return lines


def _published_difference(content: TableContent, row: TableRow, other: str, key: str) -> str:
    """The same difference in the paper: its own, or of two figures that it printed."""
    theirs = next((each.get("paper") for each in content["rows"] if each["system"] == other), None)
    mine = row.get("paper")
    if not isinstance(mine, Mapping) or key not in mine:
        return MISSING
    if content["paper"]["relative"] and other == content["relative_to"]:
        return f"{mine[key]:+.2f} {MARK}"
    if not isinstance(theirs, Mapping) or key not in theirs:
        return MISSING
    return f"{mine[key] - theirs[key]:+.2f} {MARK}"


def _amounts(rows: Sequence[TableRow]) -> Grid:
    """Hours tested on, and what training took: a line for each row for which this is known."""
    lines = [["row", "set", "utterances", "hours", "parameters", "updates", "trained on (hours of audio)", "commit"]]
    for row in rows:
        training = row.get("training")
        if training is None:
            continue
        lines.append(
            [
                row["system"], row["set"], str(row["utterances"]), _hours(row.get("hours")),
                MISSING if training["parameters"] is None else _size(training["parameters"]),
                MISSING if training["updates"] is None else str(training["updates"]),
                _hours(training["hours"]), ", ".join(training["commits"]),
            ]
        )  # fmt: skip
    return lines


def _size(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} M" if parameters >= 1e5 else f"{parameters / 1e3:.1f} k"


def _hours(hours: float | None) -> str:
    return MISSING if hours is None else f"{hours:.2f}"


def legend(content: TableContent) -> str:
    """What the figures of :func:`grids` are, and what the brackets hold."""
    rows = content["rows"]
    folds = "Of a cross validation: the folds' utterances pooled, then mean ± standard deviation of the folds. "
    leading = ", ".join(f"`{name}`" for name in dict.fromkeys(next(iter(row["columns"])) for row in rows))
    return (
        f"Figures in per cent, {seeds_of(rows)}; in brackets the 95 % interval (bootstrap over utterances) "
        "or, of a subset, its number of utterances. *heard*: every word of the utterance was heard in training. "
        + (folds if any(row.get("folds") for row in rows) else "")
        + f"Decoded with {leading} unless a column names another configuration."
    )


def notes(content: TableContent) -> list[str]:
    """What marks and differences mean, and which figures cannot be compared."""
    found = []
    if (paper := content.get("paper")) is not None:
        what = f"differences in points from its row {content['relative_to']}" if paper["relative"] else "in per cent"
        worth = (
            "They were measured on the same test set; pretraining data differ."
            if paper.get("same_test")
            else "Data, speakers and model sizes differ, so the figures themselves are not comparable."
        )
        found.append(f"{MARK} {paper['citation']}, {what}: constants, shown to compare the order of rows. {worth}")
    found += [f"{MARK} {cited['title']}: {cited['citation']}." for cited in content.get("cited", ())]
    if any(row.get("baseline") or row.get("relative") for row in content["rows"]):
        found.append(
            "Differences in points: row minus the row it is compared with, on the same utterances, each utterance's "
            "counts averaged over seeds; paired bootstrap, two-sided; *better* names a winner where p < 0.05."
        )
    if content.get("command"):
        found.append(f"Made by `{content['command']}`, commit {content['commit']}.")
    return found
