"""Choosing an option on dev: which value wins, and what is refused. Decoding itself is stage 12's."""

import json
from pathlib import Path

import pytest

from espnet_atat.bin import tune
from espnet_atat.bin.tune import Measurement, best_value, main, means, write_measurements
from espnet_atat.errors import UserError
from tests.steps.world import training, write_recipe

SYSTEM = """
title: speech alone has words alone
pretrain: {config: pretrain, mixture: pretrain}
dev: [{set: toy/audio, task: asr}]
test: [{set: toy/test, task: slu}]
"""


def measured(**exact_matches: float) -> list[Measurement]:
    """``a_0=0.5``: system a, value 0; ``a2_0``: its seed 2."""
    return [
        Measurement(run[0], int(run[1:] or 1), "toy/dev", float(value), figure, (0.0, 1.0))
        for name, figure in exact_matches.items()
        for run, _, value in [name.partition("_")]
    ]


def test_every_dev_set_counts_alike_and_of_equal_values_the_smallest_wins():
    found = measured(a_0=0.5, a_1=0.6, a_2=0.7, a2_0=0.5, a2_1=0.6, a2_2=0.5)
    assert means(found) == pytest.approx({0.0: 0.5, 1.0: 0.6, 2.0: 0.6})
    assert best_value(found) == 1.0


@pytest.mark.usefixtures("world")
def test_the_choice_is_written_with_all_that_it_rests_on():
    path = write_measurements("toy", "decode_lm", "lm_weight", measured(a_0=0.25, a_1=0.5))
    assert path == Path("exp/toy/tuning/a.decode_lm.lm_weight.json")
    content = json.loads(path.read_text())
    assert content["best"] == 1.0
    assert [each["exact_match"] for each in content["measurements"]] == [0.25, 0.5]


def test_there_is_nothing_to_choose_on_without_a_dev_set_of_trees(world):
    write_recipe(world, "toy", {"rows/words": SYSTEM})
    with pytest.raises(UserError, match="words: no dev set of trees"):
        main(["--recipe", "toy", "--system", "words", "--option", "penalty", "--values", "0,1"])


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("options", [[], ["--set", "pretrain.options.max_epoch=3"], ["--seeds", "2"]])
def test_a_model_that_is_not_trained_yet_is_named_as_the_options_make_it(options):
    model = training("old", *options).run.place
    with pytest.raises(UserError, match=f"{model} is missing .*run stage 10 too"):
        main(["--recipe", "toy", "--system", "old", *options, "--option", "penalty", "--values", "0,1"])


@pytest.mark.usefixtures("world")
def test_every_option_has_values_of_its_own(monkeypatch):
    asked = {}

    def note(_selection, config, option, values, *_rest):
        asked[option] = (config, values)
        return measured(a_0=0.5)

    monkeypatch.setattr(tune, "tune", note)
    for option in tune.OPTIONS:
        main(["--recipe", "toy", "--system", "old", "--option", option])
    assert asked["ctc_weight"] == ("decode", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert asked["beam_size"] == ("decode", [1, 2, 4, 8])
    assert all(isinstance(value, int) for value in asked["beam_size"][1])


def test_every_seed_is_decoded_on_the_gpu_that_is_asked_for(world, monkeypatch):
    write_recipe(world, "toy", {"rows/words": SYSTEM})
    planned = []
    plan = tune.plan_system
    monkeypatch.setattr(tune, "plan_system", lambda *a, **kw: planned.append((a[1], a[3].ngpu)) or plan(*a, **kw))
    for options in ([], ["--ngpu", "1", "--seeds", "1,2"]):
        with pytest.raises(UserError, match="no dev set of trees"):
            main(["--recipe", "toy", "--system", "words", "--option", "penalty", "--values", "0,1", *options])
    assert planned == [(1, 0), (1, 1), (2, 1)]
