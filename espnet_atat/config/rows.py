"""Rows as YAML content: which file defines a row, and what it inherits.

A row starts from its ``base``, another row; without one, from the ``base`` of its table. Mappings are merged key by
key, anything else is replaced. ``null`` takes a key away, but for training options, where it is a value. The title is
never inherited.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from espnet_atat.config.layout import BASE, EGS, load_yaml, merged
from espnet_atat.config.recipe import recipe_file
from espnet_atat.errors import UserError
from espnet_atat.schema import check_known

Content = Mapping[str, Any]
PHASES = ("pretrain", "finetune")


def table_contents(recipe: str) -> dict[str, tuple[str, Content]]:
    """Name → place and content of every table: those of ``recipe.yaml``, then those of the files below ``tables/``."""
    path = recipe_file(recipe)
    inline = load_yaml(path).get("tables") or {}
    found = {name: (f"{path}: tables: {name}", content) for name, content in inline.items()}
    for file in sorted((EGS / recipe / "tables").glob("*.yaml")):
        if file.stem in found:
            raise UserError(f"{file}: {found[file.stem][0]} is a table of this name too")
        found[file.stem] = (str(file), load_yaml(file))
    for place, content in found.values():
        if not isinstance(content, Mapping) or not isinstance(content.get("rows"), Mapping):
            raise UserError(f"{place}: needs rows, a mapping from names to rows")
    return found


def row_names(recipe: str) -> list[str]:
    tables = table_contents(recipe).values()
    return list(dict.fromkeys(name for _, table in tables for name, row in table["rows"].items() if row is not None))


def row_content(recipe: str, name: str, users: Iterable[str] = ()) -> tuple[str, Content]:
    """Where a row is defined, and what it says with all that it inherits; ``users`` start from it, directly or not."""
    found = [
        (f"{place}: {name}", table["rows"][name], table.get(BASE), table_name)
        for table_name, (place, table) in table_contents(recipe).items()
        if table["rows"].get(name) is not None
    ]
    if len(found) > 1:
        other = found[1][0].rpartition(": ")[0]
        raise UserError(f"{found[0][0]}: {other} defines this row too: leave it empty in one of them")
    if not found:
        check_known([name], row_names(recipe), f"recipe {recipe}", "row")
    where, own, of_table, table_name = found[0]
    for content in (own, of_table):
        if content is not None and not isinstance(content, Mapping):
            raise UserError(f"{where}: a row and a base are mappings, found {content!r}")
    chain = [*users, f"{recipe}/{name}"]
    if chain[-1] in chain[:-1]:
        raise UserError(f"{where}: starts from itself: {' from '.join(chain)}")
    own, base = _named(own, name), _named(of_table or {}, table_name) if BASE not in own else {}
    inherited = own.get(BASE) or base.get(BASE)
    start = _inherited(recipe, str(inherited), chain) if inherited else {}
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


def _inherited(recipe: str, base: str, users: Iterable[str]) -> Content:
    """What a row of this recipe, or of another (``mini/music``), hands on."""
    owner, _, name = base.rpartition("/")
    content = {key: value for key, value in row_content(owner or recipe, name, users)[1].items() if key != "title"}
    if owner in ("", recipe):
        return content

    def of_owner(value: Any) -> Any:
        return f"{owner}/{value}" if isinstance(value, str) and "/" not in value else value

    for key in ("tokens", "lm"):
        content[key] = of_owner(content.get(key, key))
    for key in PHASES:
        if phase := content.get(key):
            content[key] = {**phase, **{k: of_owner(phase[k]) for k in ("config", "mixture") if k in phase}}
    return content
