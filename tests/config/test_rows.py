"""What a row inherits."""

import pytest

from espnet_atat.config.rows import row_content
from espnet_atat.config.system import load_system
from espnet_atat.config.table import load_table
from espnet_atat.errors import UserError
from tests.steps.world import write_recipe

TABLE = """
title: t
base:
  pretrain: {config: pretrain, mixture: m, options: {a: 1, b: {x: 1, y: 2}}}
  decode: [decode, decode_tree]
  test: [{set: toy/test, task: slu}]
rows:
  one: {title: one, pretrain: {options: {b: {y: 3}, c: null}}}
  two: {base: one, title: two, decode: null, pretrain: {mixture: other, options: {a: null}}}
  three: {base: two, title: three, pretrain: {options: null}}
"""

VARIANT = "variants: {ears: {tables: [t, u], title: with ears, rows: {pretrain: {config: pretrain_ears}}}}\n"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, "toy", {"tables/t.yaml": TABLE})
    return tmp_path


@pytest.mark.usefixtures("toy")
def test_a_row_starts_from_its_base_or_its_table_s():
    one, two, three = (load_system("toy", name) for name in ("one", "two", "three"))
    assert one.pretrain.options == {"a": 1, "b": {"x": 1, "y": 3}, "c": None}  # null is a value of an option,
    assert one.decode == ("decode", "decode_tree")
    assert two.decode == ("decode",)  # else it removes
    assert (two.pretrain.mixture, two.pretrain.config) == ("other", "pretrain")
    assert two.pretrain.options == {"a": None, "b": {"x": 1, "y": 3}, "c": None}
    assert (three.pretrain.options, three.pretrain.mixture, three.test) == (None, "other", one.test)


def test_the_base_of_a_table_may_be_a_row_and_that_of_a_row_one_of_another_recipe(toy):
    table = "title: u\nbase: {base: two, seeds: [4]}\nrows: {four: {title: four}}\n"
    write_recipe(toy, "toy", {"tables/u.yaml": table})
    four = load_system("toy", "four")
    assert (four.seeds, four.pretrain) == ((4,), load_system("toy", "two").pretrain)
    row = "base: toy/one\ntitle: x\ntokens: tokens_x\nfinetune: {config: f, mixture: n}\n"
    write_recipe(toy, "mine", {"rows/x": row})
    content = row_content("mine", "x")[1]
    assert content["pretrain"]["config"] == "toy/pretrain"
    assert content["pretrain"]["mixture"] == "toy/m"
    assert (content["tokens"], content["lm"]) == ("tokens_x", "toy/lm")
    assert content["finetune"] == {"config": "f", "mixture": "n"}


def test_a_row_is_defined_once_and_named_by_as_many_tables_as_want_it(toy):
    write_recipe(toy, "toy", {"tables/u.yaml": "title: u\nrows: {one, two}\n"})
    assert load_table("toy", "u").systems == ("one", "two")
    write_recipe(toy, "toy", {"tables/u.yaml": "title: u\nrows: {one: {title: again}}\n"})
    with pytest.raises(UserError, match=r"tables/t\.yaml: one: egs2/atat/toy/tables/u\.yaml defines this row too"):
        load_system("toy", "one")


def test_mistakes_of_inheritance_are_named(toy):
    with pytest.raises(UserError, match="recipe toy: unknown row 'tow', perhaps 'two'; known: one, two, three"):
        load_system("toy", "tow")
    write_recipe(toy, "toy", {"rows/a": "base: b\ntitle: a\n", "rows/b": "base: a\ntitle: b\n"})
    with pytest.raises(UserError, match="starts from itself: toy/a from toy/b from toy/a"):
        load_system("toy", "a")
    write_recipe(toy, "toy", {"rows/a": "base: tow\ntitle: a\n", "rows/b": "base: tyo/two\ntitle: b\n"})
    with pytest.raises(UserError, match=r"of_a\.yaml: a: base: unknown row 'tow', perhaps 'two'"):
        load_system("toy", "a")
    with pytest.raises(UserError, match=r"of_b\.yaml: b: base: unknown recipe 'tyo', perhaps 'toy'"):
        load_system("toy", "b")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("title: u\nrows: {c: 3}\n", r"u\.yaml: c: a row is a mapping, found 3"),
        (
            "title: u\nrows: {12: {base: one, title: x}}\n",
            r"u\.yaml: rows: the name of a row is a text, found 12: put it in quotes",
        ),
        ("title: u\nrows: {..: {base: one, title: x}}\n", r"u\.yaml: rows: '\.\.': a row is named like a folder"),
        ("title: u\nrows: {a/b: {base: one, title: x}}\n", r"u\.yaml: rows: 'a/b': a row is named like a folder"),
        ("title: u\nrows: {a b: {base: one, title: x}}\n", r"u\.yaml: rows: 'a b': a row is named like a folder"),
    ],
)
def test_every_row_of_a_recipe_is_a_mapping_with_the_name_of_a_folder(toy, table, message):
    write_recipe(toy, "toy", {"tables/u.yaml": table})
    with pytest.raises(UserError, match=message):
        load_system("toy", "one")


def test_a_title_is_never_inherited_and_a_variant_finds_where_it_is_missing(toy):
    table = "title: u\nrows: {x: {base: one}}\n"
    variant = VARIANT.replace("[t, u]", "[u]").replace("title:", "replaces: scratch, title:")
    write_recipe(toy, "toy", {"tables/u.yaml": table, "recipe.yaml": f"corpus: x\n{variant}"})
    for row in ("x", "x_ears"):
        with pytest.raises(UserError, match=r"^egs2/atat/toy/tables/u\.yaml: x: the key 'title' is missing"):
            load_system("toy", row)
    write_recipe(toy, "toy", {"tables/u.yaml": "rows: {x: {base: one, title: x}}\n"})
    with pytest.raises(UserError, match=r"u\.yaml \(variant ears of .*recipe\.yaml\): the key 'title' is missing"):
        load_table("toy", "u")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("tables: [x]", r"recipe\.yaml: tables: is a mapping, found \['x'\]"),
        ("tables: {1: {title: x}}", r"recipe\.yaml: tables: a name is a text, found 1: put it in quotes"),
        ("variants: [x]", r"recipe\.yaml: variants: is a mapping, found \['x'\]"),
        (VARIANT.replace("[t, u]", "[u]"), r"^egs2/atat/toy/tables/u\.yaml: rows: unknown row 'nobody'"),
    ],
)
def test_what_is_wrong_with_a_recipe_s_tables_and_variants_is_named(toy, recipe, message):
    files = {"tables/u.yaml": "title: u\nrows: {one, nobody}\n", "recipe.yaml": f"corpus: x\n{recipe}\n"}
    write_recipe(toy, "toy", files)
    with pytest.raises(UserError, match=message):
        load_system("toy", "one")


def test_a_mistake_is_shown_where_it_was_made_and_not_in_a_row_that_inherits_it(toy):
    mistyped = "title: u\nrows: {x: {base: one, title: x, seed: 1}, y: {base: x, title: y}}\n"
    write_recipe(toy, "toy", {"tables/u.yaml": mistyped})
    for row in ("x", "y"):
        with pytest.raises(UserError, match=r"^egs2/atat/toy/tables/u\.yaml: x: unknown key 'seed', perhaps 'seeds'"):
            load_system("toy", row)
    with pytest.raises(UserError, match=r"^egs2/atat/toy/tables/u\.yaml: x: unknown key 'seed', perhaps 'seeds'"):
        load_system("toy", "y", {"seeds": [2]}, ("--set", "seeds=[2]"))
    write_recipe(toy, "toy", {"tables/u.yaml": mistyped.replace("seed: 1", "seeds: [1]")})
    with pytest.raises(UserError, match=r"^egs2/atat/toy/tables/u\.yaml: y with --set seed=1: unknown key 'seed'"):
        load_system("toy", "y", {"seed": 1}, ("--set", "seed=1"))


def test_a_variant_makes_tables_again_with_a_change_to_every_trained_row(toy):
    more = (
        "title: u\nbaseline: {one: two, pipe: two}\nrelative_to: two\nrows: {one, two, pipe: {title: p, decode: []}}\n"
    )
    write_recipe(toy, "toy", {"tables/u.yaml": more, "recipe.yaml": f"corpus: x\n{VARIANT}"})
    table = load_table("toy", "u_ears")
    assert table.systems == ("one_ears", "two_ears", "pipe")
    assert (table.baseline, table.relative_to) == ({"one_ears": "two_ears", "pipe": "two_ears"}, "two_ears")
    assert table.title == "u, with ears"
    plain, varied = load_system("toy", "two"), load_system("toy", "two_ears")
    assert (plain.pretrain.config, varied.pretrain.config) == ("pretrain", "pretrain_ears")
    assert varied.pretrain.options == plain.pretrain.options
    assert varied.title == "two, with ears"
    assert load_table("toy", "u").systems == ("one", "two", "pipe")


def test_a_variant_may_take_the_names_of_the_tables(toy):
    variant = VARIANT.replace("[t, u]", "[t]").replace("title:", "replaces: scratch, title:")
    write_recipe(toy, "toy", {"recipe.yaml": f"corpus: x\n{variant}"})
    assert load_table("toy", "t").systems == ("one_ears", "two_ears", "three_ears")
    assert load_table("toy", "t_scratch").systems == ("one", "two", "three")
    assert load_system("toy", "two").pretrain.config == "pretrain"
    with pytest.raises(UserError, match="unknown table 't_ears'"):
        load_table("toy", "t_ears")
    twice = variant.replace("scratch", "x").replace("[t]", "[t, t]")
    write_recipe(toy, "toy", {"recipe.yaml": f"corpus: x\n{twice}"})
    assert load_table("toy", "t_x").systems == ("one", "two", "three")
    write_recipe(toy, "toy", {"tables/t_x.yaml": "title: t\nrows: {one}\n"})
    with pytest.raises(UserError, match=r"variants: ears: replaces: t_x is a table of this name already"):
        load_table("toy", "t")


def test_a_variant_of_no_table_is_an_error(toy):
    write_recipe(toy, "toy", {"recipe.yaml": f"corpus: x\n{VARIANT.replace('u]', 'v]')}"})
    with pytest.raises(UserError, match=r"recipe\.yaml: variants: ears: unknown table 'v'"):
        load_table("toy", "t_ears")
