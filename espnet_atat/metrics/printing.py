"""Figures as text, and lines of cells as a table."""

from collections.abc import Collection, Sequence

type Grid = Sequence[Sequence[str]]  # lines of cells, heads first

MISSING = "–"


def percent(share: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """A share of 1 in per cent, or a difference of two in points with its sign."""
    return MISSING if share is None else f"{100 * share:{'+' if signed else ''}.{digits}f}"


def ends(interval: Sequence[float] | None, digits: int = 1, *, signed: bool = False) -> str:
    """``[79.1, 90.1]``; empty without an interval."""
    return f"[{', '.join(percent(end, digits, signed=signed) for end in interval)}]" if interval else ""


def mean_and_deviation(mean: float | None, deviation: float | None, digits: int = 1) -> str:
    """``80.4 ±1.0``; of one seed or fold the mean."""
    return percent(mean, digits) + ("" if deviation is None else f" ±{percent(deviation, digits)}")


def terminal_table(grid: Grid, left: Collection[int] = (0,)) -> str:
    """For a terminal: aligned columns, those with these numbers to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in grid
    )
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(grid: Grid) -> str:
    heads, *lines = grid
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *lines))
