"""A table's JSON file (see ``recipe.table``) for the terminal and as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet_atat.report.comparison import Grid, amounts, constant, differences, notes, paper_keys

#: Stage → what it does; the driver's ``--help`` lists the same.
STAGES = {
    1: "data", 2: "augmentation", 3: "synthetic speech", 4: "alignment", 5: "masking", 6: "features", 7: "tokens",
    8: "language model", 9: "statistics", 10: "pretraining", 11: "fine-tuning", 12: "decoding", 13: "scoring",
    14: "tables", 15: "packing", 16: "upload",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One figure of a table's row.

    Attributes:
        head: what stands above it.
        figure: key of the figure.
        subset: of these utterances alone.
        config: name of an inference configuration beside the row's leading one; None: the leading one.
        brief: whether the terminal's table has it too.
    """

    head: str
    figure: str
    subset: str | None = None
    config: str | None = None
    brief: bool = True


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
#: Figures whose differences a table in brief has.
LEADING = ("em_full", "semer")


def terminal(content: Mapping[str, Any]) -> str:
    """Two lines a row: figures in per cent, and below them their 95 % intervals or numbers of utterances.

    A cross validation's figures are of the folds' utterances pooled; a third line has mean and deviation of the folds.
    """
    blocks = [f"{content['title']} (%, {_seeds(content['rows'])}; in brackets: 95 % interval over utterances)"]
    blocks += content.get("remarks", ())
    for every, rows in _groups(content):
        columns = [column for column in every if column.brief]
        lines = [["", *(column.head for column in columns)]]
        for row in rows:
            lines.append([row["system"], *(_value(row, column) for column in columns)])
            about = f"  {row['set']} ({_kind(row)}), n = {row['utterances']}"
            lines.append([about, *(_detail(row, column) for column in columns)])
            if row.get("folds"):
                lines.append([f"  mean ± sd of {row['folds']} folds", *(_of_folds(row, column) for column in columns)])
            if row.get("paper"):
                lines.append(["  the paper", *(_published(content, row, column) for column in columns)])
        blocks.append(_aligned(lines))
        if any(column.config for column in columns):
            blocks[-1] = _over(columns, lines) + "\n" + blocks[-1]
    return "\n\n".join(blocks)


def times(seconds: Mapping[str, float]) -> str:
    """``data 12 s, features 31 s, …, together 18.4 min``."""
    parts = [f"{STAGES[int(stage)]} {spent:.0f} s" for stage, spent in seconds.items() if spent >= 0.5]
    return f"{', '.join(parts)}; together {sum(seconds.values()) / 60:.1f} min"


def markdown(content: Mapping[str, Any]) -> str:
    """The same as a Markdown file."""
    blocks = [f"# {content['title']}", section(content)]
    if content["stage_times"]:
        blocks.append(f"Time: {times(content['stage_times'])}.")
    blocks.append("Made from:\n\n" + "\n".join(f"- `{path}`" for row in content["rows"] for path in row["files"]))
    return "\n\n".join(blocks) + "\n"


def section(content: Mapping[str, Any], *, brief: bool = False) -> str:
    """The same as part of a larger file: without heading, times and sources; in brief: of the leading differences."""
    blocks = [content["note"]] if content.get("note") else []
    blocks += content.get("remarks", ())
    for heads, *lines in grids(content, brief=brief):
        marked = [heads, ["---"] * len(heads), *lines]
        blocks.append("\n".join(f"| {' | '.join(line)} |" for line in marked))
    return "\n\n".join([*blocks, legend(content), *notes(content)])


def insert(content: Mapping[str, Any], name: str, text: str) -> str:
    """Put a table's section, in brief, between its two marks in a Markdown text, in place of what stands there.

    Raises:
        ValueError: the marks are not there, once each and in order.
    """
    start, end = marks(name)
    before, opened, rest = text.partition(start)
    _old, closed, after = rest.partition(end)
    if not opened or not closed or start in after or end in before + after:
        raise ValueError(f"needs the lines '{start}' and '{end}', once each and in this order")
    return f"{before}{start}\n\n{section(content, brief=True)}\n\n{end}{after}"


def marks(name: str) -> tuple[str, str]:
    """The lines between which a table stands in a Markdown text, comments both."""
    return f"<!-- table {name}: made by bin.table -->", f"<!-- end of table {name} -->"


def legend(content: Mapping[str, Any]) -> str:
    """What the figures of :func:`grids` are, and what stands in brackets."""
    return (
        f"Figures in per cent, {_seeds(content['rows'])}; in brackets the 95 % interval (bootstrap over utterances) "
        "or, of a subset, its number of utterances. *heard*: every word of the utterance was heard in training. "
        + _about_folds(content["rows"])
        + f"Decoded with {_leading(content['rows'])} unless a column names another configuration."
    )


def _leading(rows: Sequence[Mapping[str, Any]]) -> str:
    """The leading inference configurations; a pipeline's is named by the words that it reads."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(next(iter(row["columns"])) for row in rows))


def grids(content: Mapping[str, Any], *, brief: bool = False) -> list[Grid]:
    """The figures, of trees and of words; differences to baselines; what each row cost: those that have lines."""
    found = []
    for columns, rows in _groups(content):
        published = paper_keys(content, rows)
        lines = [["system", "set", "task", "utterances", *_heads(columns, published)]]
        for row in rows:
            cells = [cell for column in columns for cell in _cells(content, row, column, published)]
            lines.append([row["title"], row["set"], _kind(row), str(row["utterances"]), *cells])
        for cited in content.get("cited", ()):
            lines.append([cited["title"], "–", "–", "–", *_cited_cells(content, cited, columns, published)])
        found.append(lines)
    compared = [key for columns, _ in _groups(content) for key in dict.fromkeys(column.figure for column in columns)]
    if brief:
        compared = [key for key in compared if key in LEADING] or compared[:1]
    found += [differences(content, list(dict.fromkeys(compared))), amounts(content["rows"])]
    return [grid for grid in found if len(grid) > 1]


def _has_paper(column: Column, published: set[str]) -> bool:
    """Whether the paper's figure stands beside the column: of the leading configuration and the whole set alone."""
    return column.figure in published and column.subset is None and column.config is None


def _heads(columns: Sequence[Column], published: set[str]) -> list[str]:
    heads = []
    for column in columns:
        heads.append(column.head + (f" ({column.config})" if column.config else ""))
        heads += [f"{column.head}, paper"] if _has_paper(column, published) else []
    return heads


def _further_configurations(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of inference configurations that do not lead a row, in the order of the rows."""
    return list(dict.fromkeys(name for row in rows for name in list(row["columns"])[1:]))


def _cells(content: Mapping[str, Any], row: Mapping[str, Any], column: Column, published: set[str]) -> list[str]:
    paper = [_published(content, row, column)] if _has_paper(column, published) else []
    return [_cell(row, column), *paper]


def _cited_cells(
    content: Mapping[str, Any], cited: Mapping[str, Any], columns: Sequence[Column], published: set[str]
) -> list[str]:
    signed = bool(content.get("paper") and content["paper"]["relative"])
    cells = []
    for column in columns:
        cells.append("–")
        cells += [constant(cited["figures"], column.figure, signed=signed)] if _has_paper(column, published) else []
    return cells


def _published(content: Mapping[str, Any], row: Mapping[str, Any], column: Column) -> str:
    """The paper's figure of a row, or its remark."""
    paper = row.get("paper")
    if isinstance(paper, str):
        return paper
    if column.subset is not None or column.config:
        return ""
    return constant(paper, column.figure, signed=content["paper"]["relative"]) if paper else "–"


def _groups(content: Mapping[str, Any]) -> list[tuple[list[Column], list[Mapping[str, Any]]]]:
    """Rows of trees, then rows of words, each with the columns that any of them fills."""
    groups = []
    named = _named_columns(content)
    further = [
        Column(head, figure, config=name, brief=figure == "em_full")
        for name in _further_configurations(content["rows"])
        for head, figure in (("EM", "em_full"), ("SemER", "semer"))
    ]
    for trees, columns in ((True, named or (*TREE_COLUMNS, *further)), (False, named or WORD_COLUMNS)):
        chosen = [row for row in content["rows"] if (row["hypothesis"] is not None) == trees]
        filled = [column for column in columns if any(_figure(row, column) for row in chosen)]
        if chosen:
            groups.append((filled, chosen))
    return groups


def _named_columns(content: Mapping[str, Any]) -> tuple[Column, ...]:
    """The figures that the table itself names; in brief, the first alone of further inference configurations."""
    measured = [figures for row in content["rows"] for figures in row["columns"].values()]
    titles = {key: entry["title"] for figures in measured for key, entry in figures.items()}
    chosen = [key for key in content.get("figures", ()) if key in titles]
    return tuple(
        Column(titles[key], key, config=config, brief=config is None or key == chosen[0])
        for config in (None, *_further_configurations(content["rows"]))
        for key in chosen
    )


def _kind(row: Mapping[str, Any]) -> str:
    """Task, and the form of the text where the corpus has two."""
    form = row.get("text_form")
    return row["task"] + (f", {form} text" if form else "")


def _cell(row: Mapping[str, Any], column: Column) -> str:
    parts = [_value(row, column), _detail(row, column)]
    if spread := _of_folds(row, column):
        parts.append(f"(folds: {spread})")
    return " ".join(filter(None, parts))


def _of_folds(row: Mapping[str, Any], column: Column) -> str:
    """Mean and deviation of a figure over the folds; of the whole set alone."""
    figure = _figure(row, column) if column.subset is None else None
    if figure is None or figure.get("fold_mean") is None:
        return ""
    return f"{100 * figure['fold_mean']:.1f} ±{100 * figure['fold_sd']:.1f}"


def _about_folds(rows: Sequence[Mapping[str, Any]]) -> str:
    if not any(row.get("folds") for row in rows):
        return ""
    return "Of a cross validation: the folds' utterances pooled, then mean ± standard deviation of the folds. "


def _figure(row: Mapping[str, Any], column: Column) -> Mapping[str, Any] | None:
    if column.subset is not None:
        return row["subsets"].get(column.subset, {}).get("figures", {}).get(column.figure)
    leading, *others = row["columns"]
    if column.config is None:
        return row["columns"][leading].get(column.figure)
    return row["columns"][column.config].get(column.figure) if column.config in others else None


def _value(row: Mapping[str, Any], column: Column) -> str:
    figure = _figure(row, column)
    if figure is None:
        return "–"
    deviation = "" if figure["sd"] is None else f" ±{100 * figure['sd']:.1f}"
    return f"{100 * figure['mean']:.1f}{deviation}"


def _detail(row: Mapping[str, Any], column: Column) -> str:
    figure = _figure(row, column)
    if figure is None:
        return ""
    if column.subset is not None:
        return f"({row['subsets'][column.subset]['utterances']})"
    return "[{:.1f}, {:.1f}]".format(*(100 * end for end in figure["interval"])) if figure["interval"] else ""


def _seeds(rows: Sequence[Mapping[str, Any]]) -> str:
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    named = ", ".join(map(str, seeds))
    return f"seed {named}" if len(seeds) == 1 else f"mean ± standard deviation over seeds {named}"


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, cells)) for cells in zip(*lines, strict=True)]


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Names to the left, figures to the right."""
    widths = _widths(lines)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _over(columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> str:
    """A line above the heads that names further inference configurations over their columns."""
    offset, *widths = _widths(lines)
    line, named = "", set()
    for column, width in zip(columns, widths, strict=True):
        offset += 2
        if column.config is not None and column.config not in named:
            named.add(column.config)
            line = line.ljust(max(offset, len(line) + 2)) + f"with {column.config}"
        offset += width
    return line
