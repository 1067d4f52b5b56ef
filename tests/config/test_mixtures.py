"""Mixtures of a recipe, shared ones, and ones that a row spells out."""

import pytest

from espnet_atat.config.mixtures import load_mixtures
from espnet_atat.config.system import Phase
from espnet_atat.errors import UserError
from tests.steps.world import FILES, write_recipe

PARTS = "[{task: nlu, set: toy/new}]"


def load(name, fold=None):
    return load_mixtures("toy", Phase(config="x", mixture=name), fold)


def test_a_mixture_is_of_the_recipe_else_of_another_else_shared(world):
    assert [part.group for part in load("pretrain").train] == ["slu-audio", "asr-audio", "nlu-words"]
    write_recipe(world, "other", {"mixtures/pretrain": FILES["mixtures/new_words"]})
    assert [part.group for part in load("other/pretrain").train] == ["nlu-new"]
    (world / "conf").mkdir()
    (world / "conf/mixtures.yaml").write_text(f"all: {{train: {PARTS}, valid: {PARTS}}}\n")
    assert [part.group for part in load("all").parts] == ["nlu-new", "nlu-new"]
    with pytest.raises(UserError, match="toy: unknown mixture 'pretrian', perhaps 'pretrain'; known: pretrain, new"):
        load("pretrian")


def test_a_fold_is_filled_in(world):
    folded = FILES["mixtures/new_words"].replace("toy/new", '"toy/fold{fold}_train"')
    write_recipe(world, "toy", {"mixtures/folded": folded})
    assert load("folded", 3).train[0].set == "toy/fold3_train"
    with pytest.raises(UserError, match="but the system has no folds"):
        load("folded")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [{task: asr, set: toy/x}]", r"recipe\.yaml: mixtures: odd: the key 'valid' is missing"),
        ("train: {}\nvalid: []", r"mixtures: odd: train: is a list, found \{\}"),
        ("train: []\nvalid: []", r"mixture odd of toy: train: a mixture is a list"),
        ("train: [{task: sing, set: toy/x}]\nvalid: []", r"mixture odd of toy: train: entry 1: unknown task 'sing'"),
    ],
)
def test_a_mistake_is_named(world, text, message):
    write_recipe(world, "toy", {"mixtures/odd": text})
    with pytest.raises(UserError, match=message):
        load("odd")
