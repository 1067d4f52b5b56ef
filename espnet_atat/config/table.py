"""A table: its rows, what they start from, and what they are compared with. docs/tables.md shows every key."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from espnet_atat.config.rows import row_names, table_contents
from espnet_atat.errors import UserError
from espnet_atat.metrics.figures import FIGURES
from espnet_atat.schema import check_known, read


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What the paper printed.

    Attributes:
        citation: where.
        rows: system → figure → per cent, or a remark in place of figures.
        relative: whether they are points of difference to the row that the table's ``relative_to`` names.
        same_test: whether they were measured on our test set.
    """

    citation: str
    rows: Mapping[str, Mapping[str, float] | str]
    relative: bool = False
    same_test: bool = False

    def __post_init__(self) -> None:
        for figures in self.rows.values():
            check_known(() if isinstance(figures, str) else figures, FIGURES, "rows", "figure")


@dataclass(frozen=True, kw_only=True)
class Cited:
    """A row of figures (per cent) that others published."""

    title: str
    citation: str
    figures: Mapping[str, float]

    def __post_init__(self) -> None:
        check_known(self.figures, FIGURES, "figures", "figure")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Rows to draw over the amount ``x``, named with its unit; ``lines``: title → system → its amount, above 0."""

    x: str
    lines: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        for title, points in self.lines.items():
            for row, amount in points.items():
                if not 0 < amount < math.inf:
                    raise UserError(f"lines: {title}: {row}: the amount is a number above 0, found {amount!r}")
        if not self.lines or not all(self.lines.values()):
            raise UserError("lines: a line has at least one row")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows to print together.

    Attributes:
        rows: name → what the row says (read by ``load_system``); None: as another table of the recipe defines it.
        figures: keys of ``metrics.figures`` to print; empty: the usual ones.
        baseline: row → the row that it is tested against, by the paired bootstrap over utterances.
        relative_to: row that the others' figures are also given relative to.
    """

    recipe: str
    name: str
    title: str
    rows: Mapping[str, Mapping[str, Any] | None]
    base: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    note: str | None = None
    baseline: Mapping[str, str] = field(default_factory=dict)
    relative_to: str | None = None
    paper: Paper | None = None
    cited: tuple[Cited, ...] = ()
    synthesize_sets: tuple[str, ...] = ()
    augment_sets: tuple[str, ...] = ()
    curve: Curve | None = None

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(self.rows)

    @staticmethod
    def expand(content: Any) -> Any:
        """``baseline: e2e`` is the baseline of all the other rows."""
        if not isinstance(content, Mapping) or not isinstance(one := content.get("baseline"), str):
            return content
        return {**content, "baseline": {row: one for row in content.get("rows") or () if row != one}}

    def __post_init__(self) -> None:
        if not self.rows:
            raise UserError("rows: a table has at least one row")
        check_known(self.figures, FIGURES, "figures", "figure")
        named: dict[str, Iterable[str]] = {"baseline": (*self.baseline, *self.baseline.values())}
        named["relative_to"] = [] if self.relative_to is None else [self.relative_to]
        named["paper: rows"] = self.paper.rows if self.paper else ()
        named |= {f"curve: {title}": points for title, points in (self.curve.lines if self.curve else {}).items()}
        for key, rows in named.items():
            check_known(rows, self.rows, key, "row")
        if same := [row for row, other in self.baseline.items() if row == other]:
            raise UserError(f"baseline: {same[0]} is compared with itself")
        if self.paper and self.paper.relative and self.relative_to is None:
            raise UserError("paper: relative needs relative_to, a row of the table")


def load_table(recipe: str, name: str) -> Table:
    """Read a table; ``3`` means ``table3``, and ``3_scratch`` ``table3_scratch``."""
    tables = table_contents(recipe)
    name = f"table{name}" if name[:1].isdigit() else name
    check_known([name], tables, f"recipe {recipe}", "table")
    where, content = tables[name]
    table = read(Table, content, where, recipe=recipe, name=name)
    check_known((row for row, own in table.rows.items() if own is None), row_names(recipe), where, "row")
    return table


def load_tables(recipe: str, names: str) -> tuple[Table, ...]:
    """Read ``1,2,amount``: tables that are made together."""
    tables = [load_table(recipe, name) for name in names.replace(",", " ").split() or [names]]
    return tuple({table.name: table for table in tables}.values())  # 1 and table1 are the same


def systems_of(tables: Iterable[Table]) -> tuple[str, ...]:
    """Names of their rows; one that several share occurs once."""
    return tuple(dict.fromkeys(name for table in tables for name in table.systems))
