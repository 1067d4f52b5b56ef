"""A table's YAML: rows, baselines, the paper's figures."""

import pytest

from espnet_atat.config.table import Cited, Curve, Paper, load_table, load_tables, systems_of
from espnet_atat.errors import UserError
from tests.steps.world import write_recipe

FULL = """
title: three
base: {test: [{set: toy/test, task: slu}], pretrain: {config: pretrain, mixture: pretrain}}
rows: {a: {title: a}, b: {title: b}, c: {title: c}}
figures: [em_full, semer]
note: of toys
baseline: a
relative_to: c
paper:
  citation: "Nobody 1999, table 1"
  relative: true
  rows: {a: {em_full: -1.5}, b: no convergence}
cited:
- {title: other, citation: "Somebody 2001", figures: {em_full: 80}}
synthesize_sets: [words]
curve:
  x: "data, %"
  lines: {E2E: {a: 10, b: 100}, "AT-AT, more": {c: 10.5, b: 100}}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(old: str = "", new: str = ""):
        assert old in FULL
        write_recipe(tmp_path, "toy", {"tables/table3.yaml": FULL.replace(old, new)})
        return load_table("toy", "3")

    return load


def test_a_table_is_read_whole(load):
    table = load()
    assert table.baseline == {"b": "a", "c": "a"}
    assert (table.note, table.relative_to, table.synthesize_sets) == ("of toys", "c", ("words",))
    rows = {"a": {"em_full": -1.5}, "b": "no convergence"}
    assert table.paper == Paper(citation="Nobody 1999, table 1", rows=rows, relative=True)
    assert table.cited == (Cited(title="other", citation="Somebody 2001", figures={"em_full": 80}),)
    assert table.curve == Curve(x="data, %", lines={"E2E": {"a": 10, "b": 100}, "AT-AT, more": {"c": 10.5, "b": 100}})
    assert load("baseline: a", "baseline: {b: c}").baseline == {"b": "c"}
    with pytest.raises(UserError, match="recipe toy: unknown table 'table4', perhaps 'table3'; known: table3"):
        load_table("toy", "4")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("relative_to: c", "", r"paper: relative needs relative_to"),
        ("relative: true", "relative: 1", r"paper: relative: is true or false, found 1"),
        ("em_full: -1.5", "em: -1.5", r"paper: rows: unknown figure 'em'"),
        ("em_full: -1.5", "em_full: high", r"paper: rows: a: em_full: is a number, found 'high'"),
        ("b: no convergence", "x: no convergence", r"paper: rows: unknown row 'x'"),
        ("title: other, ", "", r"cited, entry 1: the key 'title' is missing"),
        ("{a: 10, b: 100}", "{x: 10}", r"curve: E2E: unknown row 'x'"),
        ("b: {title: b}", "b", r"table3\.yaml: unknown row 'b'; known: a, c"),
    ],
)
def test_mistakes_are_named(load, old, new, message):
    with pytest.raises(UserError, match=message):
        load(old, new)


def test_tables_share_systems_and_one_of_recipe_yaml_is_as_one_of_a_file(load, tmp_path):
    load()
    write_recipe(tmp_path, "toy", {"tables/more.yaml": "title: more\nrows: {d: {title: d}, a}"})
    tables = load_tables("toy", "3,more,table3")
    assert ([table.name for table in tables], systems_of(tables)) == (["table3", "more"], ("a", "b", "c", "d"))
    path = tmp_path / "egs2/atat/toy/recipe.yaml"
    path.write_text("corpus: nowhere\ntables:\n  small: {title: small, rows: {a}}\n")
    assert load_table("toy", "small").systems == ("a",)
    path.write_text("corpus: nowhere\ntables:\n  table3: {title: small, rows: {a}}\n")
    with pytest.raises(UserError, match=r"table3\.yaml: egs2/atat/toy/recipe\.yaml: tables: table3 is a table of this"):
        load_table("toy", "3")
