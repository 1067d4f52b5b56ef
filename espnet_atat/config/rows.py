"""Rows as YAML content: which file defines a row, and what it inherits.

A row starts from its ``base``, another row; without one, from the ``base`` of its table. Mappings are merged key by
key, anything else is replaced. ``null`` takes a key away, but for training options, where it is a value. The title is
never inherited.

A *variant* of a recipe makes some of its tables again, with the same change to every row that is trained: the table
``1_ears`` has the rows of table 1 with ``_ears`` after their names. A variant that ``replaces: scratch`` gives its
tables the plain names: ``1`` has those rows then, and ``1_scratch`` is the table as it is written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import BASE, EGS, load_yaml, merged
from espnet_atat.config.recipe import recipe_file, recipe_names
from espnet_atat.errors import UserError
from espnet_atat.schema import check_known, read

Content = Mapping[str, Any]
Tables = Mapping[str, tuple[str, Content]]  # name → place and content
PHASES = ("pretrain", "finetune")
NAMING_ROWS = ("baseline", "relative_to", "paper", "curve")  # keys of a table whose values name rows
ROW_NAME = re.compile(r"\w[\w.-]*")  # a row's results have a folder of its name


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Tables to make again.

    Attributes:
        title: is added to their titles and those of the rows.
        rows: what each row that is trained says in addition.
        replaces: what follows the names of the tables as they are written, if the variant's take theirs.
    """

    tables: tuple[str, ...]
    title: str
    rows: Content
    replaces: str | None = None


def table_contents(recipe: str) -> Tables:
    """Every table: those of ``recipe.yaml``, then those of the files below ``tables/``, then those of variants."""
    found = _written(recipe)
    for name, content in _mapping(recipe_file(recipe), "variants").items():
        where = f"{recipe_file(recipe)}: variants: {name}"
        variant = read(Variant, content, where)
        check_known(variant.tables, found, where, "table")
        made: dict[str, tuple[str, Content]] = {}
        for table in variant.tables:
            place = f"{found[table][0]} (variant {name} of {recipe_file(recipe)})"
            made[f"{table}_{name}"] = (place, _varied(recipe, found, made, table, name, variant))
        if variant.replaces is not None:
            written = {f"{table}_{variant.replaces}": found.pop(table) for table in dict.fromkeys(variant.tables)}
            if taken := [each for each in written if each in found]:
                raise UserError(f"{where}: replaces: {taken[0]} is a table of this name already")
            made = {**{table: made[f"{table}_{name}"] for table in variant.tables}, **written}
        found = {**found, **made}
    return found


def _varied(recipe: str, tables: Tables, made: Tables, table: str, suffix: str, variant: Variant) -> Content:
    """A table whose trained rows are others, that start from them; a row that is there already stays empty."""
    content = tables[table][1]
    rows_of = [each["rows"].items() for _, each in tables.values()]
    titles = {row: own.get("title") for rows in rows_of for row, own in rows if own is not None}
    defined = {*titles, *(row for _, each in made.values() for row, own in each["rows"].items() if own is not None)}
    where = f"{tables[table][0]}: rows"
    trained = [row for row in content["rows"] if "pretrain" in row_content(recipe, row, (), tables, where)[1]]
    names = {row: f"{row}_{suffix}" for row in trained}

    def renamed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {names.get(key, key): renamed(each) for key, each in value.items()}
        return names.get(value, value) if isinstance(value, str) else value

    rows = {
        names.get(row, row): {BASE: row, **_titled(titles[row], variant), **variant.rows}
        if row in names and names[row] not in defined
        else None
        for row in content["rows"]
    }
    kept = {key: renamed(content[key]) for key in content if key in NAMING_ROWS}
    others = {key: value for key, value in content.items() if key not in (*NAMING_ROWS, BASE)}
    return {**others, **kept, **_titled(content.get("title"), variant), "rows": rows}


def _titled(title: object, variant: Variant) -> Content:
    """The title of what a variant makes. What is no title is handed on, for reading to refuse."""
    if title is None:
        return {}
    return {"title": f"{title}, {variant.title}" if isinstance(title, str) else title}


def _mapping(path: Path, key: str) -> Content:
    """What a recipe says below a key: names and what they stand for."""
    content = load_yaml(path).get(key) or {}
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: {key}: is a mapping, found {content!r}")
    for name in content:
        if not isinstance(name, str):
            raise UserError(f"{path}: {key}: a name is a text, found {name!r}: put it in quotes")
    return content


def _written(recipe: str) -> dict[str, tuple[str, Content]]:
    path = recipe_file(recipe)
    inline = _mapping(path, "tables")
    found = {name: (f"{path}: tables: {name}", content) for name, content in inline.items()}
    for file in sorted((EGS / recipe / "tables").glob("*.yaml")):
        if file.stem in found:
            raise UserError(f"{file}: {found[file.stem][0]} is a table of this name too")
        found[file.stem] = (str(file), load_yaml(file))
    for place, content in found.values():
        if not isinstance(content, Mapping) or not isinstance(content.get("rows"), Mapping):
            raise UserError(f"{place}: needs rows, a mapping from names to rows")
        for row, own in content["rows"].items():
            if not isinstance(row, str):
                raise UserError(f"{place}: rows: the name of a row is a text, found {row!r}: put it in quotes")
            if not ROW_NAME.fullmatch(row):
                named = "a letter, a digit or '_', then also '-' and '.'"
                raise UserError(f"{place}: rows: {row!r}: a row is named like a folder: {named}")
            if own is not None and not isinstance(own, Mapping):
                raise UserError(f"{place}: {row}: a row is a mapping, found {own!r}")
    return found


def row_names(recipe: str, tables: Tables | None = None) -> list[str]:
    """Rows that a recipe defines, in all tables or in these."""
    contents = (table_contents(recipe) if tables is None else tables).values()
    return list(dict.fromkeys(name for _, table in contents for name, row in table["rows"].items() if row is not None))


def start_of(recipe: str, row: str) -> tuple[str, str] | None:
    """Recipe and name of the row that a row starts from, if it starts from one."""
    table = table_contents(recipe)[owner_of(recipe, row)][1]
    base = table["rows"][row].get(BASE) or (table.get(BASE) or {}).get(BASE)
    return _base_row(recipe, str(base)) if base else None


def _base_row(recipe: str, base: str) -> tuple[str, str]:
    """``mini/music``, or ``music`` of the same recipe: recipe and name."""
    owner, _, name = base.rpartition("/")
    return owner or recipe, name


def owner_of(recipe: str, row: str) -> str:
    """The table that defines a row."""
    return next(name for name, (_, table) in table_contents(recipe).items() if table["rows"].get(row) is not None)


def row_content(
    recipe: str, name: str, users: Iterable[str] = (), tables: Tables | None = None, named_by: str = ""
) -> tuple[str, Content]:
    """Where a row is defined, and what it says with all that it inherits.

    Args:
        users: rows that start from it, directly or not.
        tables: of the recipe, by default all.
        named_by: file, row and key that name it; the command line where it is empty.
    """
    found = [
        (f"{place}: {name}", table["rows"][name], table.get(BASE), table_name)
        for table_name, (place, table) in (table_contents(recipe) if tables is None else tables).items()
        if table["rows"].get(name) is not None
    ]
    if len(found) > 1:
        other = found[1][0].rpartition(": ")[0]
        raise UserError(f"{found[0][0]}: {other} defines this row too: leave it empty in one of them")
    if not found:
        check_known([name], row_names(recipe, tables), named_by or f"recipe {recipe}", "row")
    where, own, of_table, table_name = found[0]
    if of_table is not None and not isinstance(of_table, Mapping):
        raise UserError(f"{where}: the base of its table is a mapping, found {of_table!r}")
    chain = [*users, f"{recipe}/{name}"]
    if chain[-1] in chain[:-1]:
        raise UserError(f"{where}: starts from itself: {' from '.join(chain)}")
    own, base = _named(own, name), _named(of_table or {}, table_name) if BASE not in own else {}
    inherited = own.get(BASE) or base.get(BASE)
    start = _inherited(recipe, str(inherited), chain, tables, f"{where}: {BASE}") if inherited else {}
    content = merged(merged(start, base) if base else start, own)
    return where, {key: value for key, value in content.items() if key != BASE}


def _named(content: Content, name: str) -> Content:
    """A mixture that is spelled out is called after where it is said, so that rows which inherit it share its runs."""
    named = {
        key: {**phase, "mixture": {"name": name, **phase["mixture"]}}
        for key in PHASES
        if isinstance(phase := content.get(key), Mapping) and isinstance(phase.get("mixture"), Mapping)
    }
    return {**content, **named}


def _inherited(recipe: str, base: str, users: Iterable[str], tables: Tables | None, where: str) -> Content:
    """What a row of this recipe, or of another (``mini/music``), hands on."""
    owner, name = _base_row(recipe, base)
    if owner != recipe:
        check_known([owner], recipe_names(), where, "recipe")
    found = row_content(owner, name, users, tables if owner == recipe else None, where)
    content = {key: value for key, value in found[1].items() if key != "title"}
    if owner == recipe:
        return content

    def of_owner(value: Any) -> Any:
        return f"{owner}/{value}" if isinstance(value, str) and "/" not in value else value

    for key in ("tokens", "lm"):
        content[key] = of_owner(content.get(key, key))
    for key in PHASES:
        if phase := content.get(key):
            content[key] = {**phase, **{k: of_owner(phase[k]) for k in ("config", "mixture") if k in phase}}
    return content
