"""What commands are asked for."""

from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.text.growth import BPEGrowth
from tests.steps.world import FILES, selected, write_recipe

pytestmark = pytest.mark.usefixtures("world")


def test_the_default_table_or_some_or_one_system():
    selection = selected()
    assert [table.name for table in selection.tables] == ["default"]
    assert [system.name for system in selection.systems] == ["old", "zeroshot"]
    assert (selection.seeds_of(selection.systems[0]), selection.folds_of(selection.systems[0])) == ((1,), [None])
    one = selected("--system", "zeroshot", "--seeds", "4,5")
    (table,) = one.tables
    assert (table.name, table.title, table.systems) == ("zeroshot", "the new domain from text", ("zeroshot",))
    assert one.seeds_of(one.systems[0]) == (4, 5)


def test_a_baseline_on_another_test_set_is_an_error_before_anything_is_trained():
    table = "title: t\nbaseline: old\nrows: {old, zeroshot}\n"
    write_recipe(Path(), "toy", {"tables/t.yaml": table})
    assert selected("--table", "t").tables[0].baseline == {"zeroshot": "old"}
    write_recipe(Path(), "toy", {"rows/zeroshot": FILES["rows/zeroshot"].replace("toy/test", "toy/audio")})
    with pytest.raises(UserError, match="table t: baseline: old is not tested on toy/audio, so zeroshot cannot be"):
        selected("--table", "t")


@pytest.mark.parametrize(
    ("setting", "read", "expected"),
    [
        ("finetune.options.max_epoch=5", lambda row: row.finetune.options, {"max_epoch": 5}),
        ("finetune.options.optim_conf.lr=1e-3", lambda row: row.finetune.options, {"optim_conf": {"lr": 1e-3}}),
        ("finetune.options={patience: null}", lambda row: row.finetune.options, {"patience": None}),
        ("finetune.keep=[audio_encoder]", lambda row: row.finetune.keep, ("audio_encoder",)),
        ("pretrain.config=finetune", lambda row: row.pretrain.config, "finetune"),
        ("decode=[decode_tree]", lambda row: row.decode, ("decode_tree",)),
        ("tokens.bpe_size=50", lambda row: row.tokens, {"bpe_size": 50, "wordpiece_size": 90}),
        ("tokens={bpe_size: 50, wordpiece_size: 90}", lambda row: row.tokens, {"bpe_size": 50, "wordpiece_size": 90}),
        ("finetune=null", lambda row: row.finetune, None),
    ],
)
def test_any_option_of_a_row_may_be_set(setting, read, expected):
    system = selected("--table", "default", "--set", setting).systems[1]
    assert read(system) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "finetune.epochs=5"], r"zeroshot with --set finetune\.epochs=5: finetune: unknown key 'epochs'; kn"),
        (["--set", "fine.options.x=5"], "unknown key 'fine', perhaps 'finetune'"),
        (["--set", "finetune.options=5"], "finetune: options: is a mapping, found 5"),
        (["--set", "folds=x"], "folds: is a whole number, found 'x'"),
        (["--set", "finetune"], "--set finetune: expected KEY=VALUE"),
        (["--set", "decode=[a"], r"--set decode=\[a: the value is not YAML"),
        (["--system", "old", "--set", "finetune.options.x=5"], r"options\.x=5: no row has a place for it \(old\)"),
        (["--system", "old", "--grow_bpe", "true"], r"--grow_bpe true: no row has a place for it \(old\)"),
        (["--pretrain_slu", "top/train"], r"--pretrain_slu top/train: no row has a place for it \(old, zeroshot\)"),
        (["--system", "odl"], "recipe toy: unknown row 'odl', perhaps 'old'"),
    ],
)
def test_an_option_that_changes_nothing_is_an_error(options, message):
    with pytest.raises(UserError, match=message):
        selected(*options)


def test_grow_bpe_says_whether_and_the_row_how(world):
    for name, more in (("own", "grow_bpe: {size: 60}"), ("fresh", "keep: [decoder.decoders]")):
        row = FILES["rows/zeroshot"].replace("new_words}", f"new_words, {more}}}")
        write_recipe(world, "toy", {f"rows/{name}": row})
    write_recipe(world, "toy", {"tables/all.yaml": "title: all\nrows: {old, zeroshot, own, fresh}\n"})
    old, zeroshot, own, fresh = selected("--table", "all", "--grow_bpe", "true").systems
    assert (zeroshot.finetune.grow_bpe, zeroshot.overrides) == (BPEGrowth(500, 3), ("--grow_bpe true",))
    assert own.finetune.grow_bpe == BPEGrowth(60, 3)
    assert (fresh.finetune.grow_bpe, fresh.overrides) == (None, ())  # its token list is a new one
    assert (old, old.overrides) == (selected("--table", "all").systems[0], ())  # a row without that part
    assert selected("--system", "own", "--grow_bpe", "false").systems[0].finetune.grow_bpe is None
    (sized,) = selected("--system", "zeroshot", "--set", "finetune.grow_bpe={size: 9}").systems
    assert sized.finetune.grow_bpe.size == 9


def test_its_arguments_select_the_same_again():
    options = ["--table", "default", "--seeds", "1,2", "--set", "finetune.options={max_epoch: 5, wandb_name: 'a b'}"]
    options += ["--set", "seeds=[3]", "--grow_bpe", "true"]
    selection = selected(*options)
    assert selected(*selection.arguments()[2:]) == selection
    for system in selection.systems:
        again = selected(*selection.arguments(system)[2:])
        assert (again.systems, again.seeds) == ((system,), selection.seeds)
