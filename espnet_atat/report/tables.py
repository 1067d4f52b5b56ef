"""A table (``report.table_content``) for the terminal, as Markdown, and as LaTeX."""

from collections.abc import Mapping
from typing import Any

from espnet_atat.errors import UserError
from espnet_atat.metrics.printing import Grid, markdown_table, terminal_table
from espnet_atat.report.grids import (
    column_groups,
    detail,
    grids,
    kind,
    legend,
    notes,
    of_folds,
    of_paper,
    seeds_of,
    value,
)
from espnet_atat.stages import STAGES

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "†": r"$\dagger$", "±": r"$\pm$", "–": "--", "−": "$-$",
    "→": r"$\rightarrow$", "<": "$<$", ">": "$>$",
}  # fmt: skip


def terminal(content: Mapping[str, Any]) -> str:
    """Two lines a row: figures in per cent, and below them their 95 % intervals or numbers of utterances.

    The figures of a cross validation pool the folds' utterances; a third line has mean and deviation over the folds.
    """
    blocks = [f"{content['title']} (%, {seeds_of(content['rows'])}; in brackets: 95 % interval over utterances)"]
    blocks += content.get("remarks", ())
    for every, rows in column_groups(content):
        columns = [column for column in every if column.brief]
        lines = [["", *(column.head for column in columns)]]
        for row in rows:
            lines.append([row["system"], *(value(row, column) for column in columns)])
            about = f"  {row['set']} ({kind(row)}), n = {row['utterances']}"
            lines.append([about, *(detail(row, column) for column in columns)])
            if row.get("folds"):
                lines.append([f"  mean ± sd of {row['folds']} folds", *(of_folds(row, column) for column in columns)])
            if row.get("paper"):
                lines.append(["  the paper", *(of_paper(content, row, column) for column in columns)])
        blocks.append(terminal_table(lines))
    return "\n\n".join(blocks)


def times(seconds: Mapping[str, float]) -> str:
    """``data preparation 12 s, features 31 s, …, together 18.4 min``."""
    titles = {str(stage): stage.title for stage in STAGES}
    parts = [f"{titles[stage]} {spent:.0f} s" for stage, spent in seconds.items() if spent >= 0.5]
    return f"{', '.join(parts)}; together {sum(seconds.values()) / 60:.1f} min"


def markdown(content: Mapping[str, Any]) -> str:
    blocks = [f"# {content['title']}", section(content)]
    if content["stage_times"]:
        blocks.append(f"Time: {times(content['stage_times'])}.")
    blocks.append("Made from:\n\n" + "\n".join(f"- `{path}`" for row in content["rows"] for path in row["files"]))
    return "\n\n".join(blocks) + "\n"


def section(content: Mapping[str, Any], *, brief: bool = False) -> str:
    """As part of a larger Markdown file: without heading, times and sources; in brief: of the leading differences."""
    tables = map(markdown_table, grids(content, brief=brief))
    return "\n\n".join([*_opening(content), *tables, legend(content), *notes(content)])


def insert(content: Mapping[str, Any], name: str, text: str) -> str:
    """Put a table's section, in brief, between its two marks in a Markdown text, replacing the old one."""
    start, end = marks(name)
    before, opened, rest = text.partition(start)
    _old, closed, after = rest.partition(end)
    if not opened or not closed or start in after or end in before + after:
        raise UserError(f"needs the lines '{start}' and '{end}', once each and in this order")
    return f"{before}{start}\n\n{section(content, brief=True)}\n\n{end}{after}"


def marks(name: str) -> tuple[str, str]:
    """The two comments that enclose a table in a Markdown text."""
    return f"<!-- table {name}: made by bin.table -->", f"<!-- end of table {name} -->"


def latex(content: Mapping[str, Any]) -> str:
    """As LaTeX to ``\\input``: a plain ``tabular`` for each grid, which needs no package."""
    title, *opening = map(_escape, (content["title"], *_opening(content)))
    below = [_escape(note.replace("`", "").replace("*", "")) for note in notes(content)]
    return "\n\n".join([rf"\textbf{{{title}}}", *opening, *map(_tabular, grids(content)), *below]) + "\n"


def _opening(content: Mapping[str, Any]) -> list[str]:
    return [*filter(None, [content.get("note")]), *content.get("remarks", ())]


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _tabular(grid: Grid) -> str:
    heads, *lines = ["  " + " & ".join(map(_escape, line)) + r" \\" for line in grid]
    columns = "l" * len(grid[0])
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\hline", heads, r"\hline", *lines, r"\hline", r"\end{tabular}"]
    )
