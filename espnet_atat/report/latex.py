"""A table's JSON file (see ``recipe.table``) as LaTeX to ``\\input``: plain ``tabular``, no package wanted."""

from collections.abc import Mapping
from typing import Any

from espnet_atat.report.comparison import Grid, notes
from espnet_atat.report.tables import grids

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "†": r"$\dagger$", "±": r"$\pm$", "–": "--", "−": "$-$",
    "→": r"$\rightarrow$", "<": "$<$", ">": "$>$",
}  # fmt: skip


def latex(content: Mapping[str, Any]) -> str:
    """The table with its comparisons, each a ``tabular``, and notes below."""
    blocks = [rf"\textbf{{{escape(content['title'])}}}"]
    if content.get("note"):
        blocks.append(escape(content["note"]))
    blocks += map(escape, content.get("remarks", ()))
    blocks += [_tabular(grid) for grid in grids(content)]
    blocks += [escape(note.replace("`", "").replace("*", "")) for note in notes(content)]
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def _tabular(grid: Grid) -> str:
    heads, *lines = ["  " + " & ".join(map(escape, line)) + r" \\" for line in grid]
    columns = "l" * len(grid[0])
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\hline", heads, r"\hline", *lines, r"\hline", r"\end{tabular}"]
    )
