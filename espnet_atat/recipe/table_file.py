"""A table as its YAML file says: some systems to print together, and what they are compared with.

``egs2/atat/<recipe>/tables/<name>.yaml``::

    title: little data
    systems: [e2e_10, e2e_100, atat_10]
    figures: [em_full, semer]                            # of metrics.json; optional, as is all below
    note: "music plays the paper's private music corpus" # stands under the title
    baseline: {atat_10: e2e_10}                          # whom a row is tested against, by the paired bootstrap over
                                                         # utterances; or one system for all the rows: e2e_10
    relative_to: e2e_100                                 # figures are also given as points of difference to this row
    paper:
      citation: "Rongali et al. 2021, table 1"
      relative: true                                     # its figures are points of difference to relative_to
      same_test: true                                    # they are of the same test set; printed with them
      rows: {e2e_10: {em_full: -11.82}, e2e_100: "no convergence"}    # in per cent, or a remark
    cited:                                               # further rows: figures that others published
    - {title: SNIPS, citation: "Saade et al. 2019", figures: {em_hypothesis: 84.22}}
    synthesize_sets: [books_train]                       # what stage 3 says for this table,
    augment_sets: [books_train_pico]                     # and what stages 2 and 3 make augmented copies of
    curve:                                               # rows to draw as lines over an amount: line, system, amount
      x: "slu data, %"
      lines: {E2E: {e2e_10: 10, e2e_100: 100}, AT-AT: {atat_10: 10, e2e_100: 100}}
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from espnet_atat.errors import UserError
from espnet_atat.metrics.figures import FIGURES
from espnet_atat.recipe.fields import fields_of, list_of
from espnet_atat.recipe.layout import load_yaml, table_file


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What the paper printed.

    Attributes:
        citation: where.
        rows: system → figure → per cent, or a remark in place of figures.
        relative: whether they are points of difference to the row that the table's ``relative_to`` names.
        same_test: whether they are of the same test set as ours.
    """

    citation: str
    rows: Mapping[str, Mapping[str, float] | str]
    relative: bool = False
    same_test: bool = False


@dataclass(frozen=True, kw_only=True)
class Cited:
    """A row of figures (per cent) that others published."""

    title: str
    citation: str
    figures: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Rows to draw as lines over an amount.

    Attributes:
        x: what the amount is, with its unit.
        lines: title → system → its amount, above 0.
    """

    x: str
    lines: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Some systems to print together.

    Attributes:
        figures: keys of ``metrics.figures`` to print; empty: the usual ones.
        note: what a reader should know before the figures.
        baseline: system → the system that it is tested against.
        relative_to: system that the others' figures are also given relative to.
        synthesize_sets: sets of the recipe whose text stage 3 says.
        augment_sets: sets of the recipe that get augmented copies.
        curve: some of the systems over an amount, for a plot.
    """

    recipe: str
    name: str
    title: str
    systems: tuple[str, ...]
    figures: tuple[str, ...] = ()
    note: str | None = None
    baseline: Mapping[str, str] = field(default_factory=dict)
    relative_to: str | None = None
    paper: Paper | None = None
    cited: tuple[Cited, ...] = ()
    synthesize_sets: tuple[str, ...] = ()
    augment_sets: tuple[str, ...] = ()
    curve: Curve | None = None


def load_tables(recipe: str, names: str) -> tuple[Table, ...]:
    """Read ``1,2,amount``: tables that are made together.

    Raises:
        UserError: as :func:`load_table`.
    """
    tables = [load_table(recipe, name) for name in names.replace(",", " ").split() or [names]]
    return tuple({table.name: table for table in tables}.values())  # 1 and table1 are the same


def systems_of(tables: Iterable[Table]) -> tuple[str, ...]:
    """Names of their systems; one that several share stands there once."""
    return tuple(dict.fromkeys(name for table in tables for name in table.systems))


def load_table(recipe: str, name: str) -> Table:
    """Read a table; its ``systems`` are names.

    Raises:
        UserError: no such table, an unknown key or figure, or a row that is none of the systems.
    """
    path = table_file(recipe, name)
    fields = fields_of(Table, load_yaml(path), str(path), given={"recipe": recipe, "name": path.stem})
    for key in ("systems", "figures", "synthesize_sets", "augment_sets"):
        fields[key] = tuple(map(str, list_of(fields.get(key, []), f"{path}: {key}")))
    _check_figures(fields["figures"], f"{path}: figures")
    fields["baseline"] = _baselines(fields.get("baseline", {}), fields["systems"], f"{path}: baseline")
    if fields.get("relative_to") is not None:
        _check_rows([fields["relative_to"]], fields["systems"], f"{path}: relative_to")
    if fields.get("paper") is not None:
        fields["paper"] = _paper(fields["paper"], fields["systems"], f"{path}: paper")
        if fields["paper"].relative and fields.get("relative_to") is None:
            raise UserError(f"{path}: paper: relative wants the table to say relative_to which system")
    if fields.get("curve") is not None:
        fields["curve"] = _curve(fields["curve"], fields["systems"], f"{path}: curve")
    entries = enumerate(list_of(fields.get("cited", []), f"{path}: cited"), 1)
    fields["cited"] = tuple(_cited(entry, f"{path}: cited, entry {number}") for number, entry in entries)
    return Table(**fields)


def _baselines(value: object, systems: tuple[str, ...], where: str) -> dict[str, str]:
    if isinstance(value, str):
        value = {system: value for system in systems if system != value}
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: is a system, or a mapping of systems to systems, found {value!r}")
    pairs = {str(row): str(other) for row, other in value.items()}
    _check_rows([*pairs, *pairs.values()], systems, where)
    if same := [row for row, other in pairs.items() if row == other]:
        raise UserError(f"{where}: {same[0]} is compared with itself")
    return pairs


def _paper(content: object, systems: tuple[str, ...], where: str) -> Paper:
    paper = Paper(**fields_of(Paper, content, where))
    for key in ("relative", "same_test"):
        if not isinstance(getattr(paper, key), bool):
            raise UserError(f"{where}: {key} is true or false, found {getattr(paper, key)!r}")
    if not isinstance(paper.rows, Mapping):
        raise UserError(f"{where}: rows is a mapping of systems to their figures, found {paper.rows!r}")
    _check_rows(paper.rows, systems, f"{where}: rows")
    for row, figures in paper.rows.items():
        if not isinstance(figures, str):
            _check_constants(figures, f"{where}: {row}")
    return paper


def _curve(content: object, systems: tuple[str, ...], where: str) -> Curve:
    curve = Curve(**fields_of(Curve, content, where))
    if not isinstance(curve.lines, Mapping) or not curve.lines:
        raise UserError(f"{where}: lines is a mapping of titles to systems and their amounts, found {curve.lines!r}")
    for title, points in curve.lines.items():
        line = f"{where}: {title}"
        if not isinstance(title, str) or not isinstance(points, Mapping) or not points:
            raise UserError(f"{line}: is a title with a mapping of systems to amounts, found {points!r}")
        _check_rows(points, systems, line)
        for system, amount in points.items():
            if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount < math.inf:
                raise UserError(f"{line}: {system}: the amount is a number above 0, found {amount!r}")
    return curve


def _cited(content: object, where: str) -> Cited:
    cited = Cited(**fields_of(Cited, content, where))
    _check_constants(cited.figures, where)
    return cited


def _check_constants(figures: object, where: str) -> None:
    if not isinstance(figures, Mapping):
        raise UserError(f"{where}: is a mapping of figures to numbers in per cent, found {figures!r}")
    _check_figures(figures, where)
    for key, value in figures.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{where}: {key} is a number in per cent, found {value!r}")


def _check_figures(keys: Iterable[Any], where: str) -> None:
    if unknown := [key for key in keys if key not in FIGURES]:
        raise UserError(f"{where}: unknown figure {unknown[0]!r}; known: {', '.join(FIGURES)}")


def _check_rows(rows: Iterable[Any], systems: tuple[str, ...], where: str) -> None:
    if unknown := [row for row in rows if row not in systems]:
        raise UserError(f"{where}: {unknown[0]!r} is no row of this table; its systems: {', '.join(systems)}")
