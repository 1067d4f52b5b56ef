"""Options as resolved from configurations and rows."""

import pytest

from espnet_atat.config.layout import conf_file, load_config
from espnet_atat.config.system import Phase
from espnet_atat.config.training import best_model, load_token_config, load_training_config
from espnet_atat.errors import UserError
from tests.steps.world import write_recipe


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("wordpiece_size: 3", r"odd\.yaml: the key 'bpe_size' is missing"),
        ("bpe_size: x", r"odd\.yaml: bpe_size: is a whole number, found 'x'"),
        ("bpe_sizes: 5", "unknown key 'bpe_sizes', perhaps 'bpe_size'; known: bpe_size, wordpiece_size"),
    ],
)
def test_token_options_are_checked(world, content, message):
    write_recipe(world, "toy", {"conf/odd.yaml": content})
    with pytest.raises(UserError, match=message):
        load_token_config("toy", "odd")
    assert load_token_config("toy", {"bpe_size": 5, "wordpiece_size": None}) == {"bpe_size": 5}  # spelled out


def test_options_of_a_row_go_before_those_of_the_configuration_key_by_key_and_the_first_criterion_chooses(world):
    write_recipe(world, "toy", {"conf/c.yaml": "a: {x: 1, y: {v: 2, w: 3}}\nb: {x: 1}\nc: 1\n"})
    phase = Phase(config="c", mixture="m", options={"a": {"y": {"w": 4}}, "b": {}, "c": None})
    config = {"a": {"x": 1, "y": {"v": 2, "w": 4}}, "b": {}, "c": None, "d": 6}
    assert load_training_config("toy", phase, {"c": 5, "d": 6}) == config


def test_a_configuration_starts_from_its_base(world):
    conf = world / "conf"
    conf.mkdir()
    (conf / "small.yaml").write_text("a: {x: 1, y: 2}\nb: {x: 1}\nc: 1\nd: 1\n")
    (conf / "own.yaml").write_text("base: conf/small.yaml\nwithout: [d]\na: {y: 3}\nb: {}\nc: null\n")
    own = conf_file("toy", "own")
    assert load_config(own) == {"a": {"x": 1, "y": 3}, "b": {}, "c": None}
    for old, new, message in (
        ("conf/small", "small", r"own\.yaml: base is a file, such as .* found 'small\.yaml'"),
        ("[d]", "[e]", r"own\.yaml: without lists options of conf/small\.yaml, found \['e'\]"),
        ("conf/small", "conf/own", r"own\.yaml: base: conf/own\.yaml has a base itself"),
    ):
        own.write_text(own.read_text().replace(old, new))
        with pytest.raises(UserError, match=message):
            load_config(own)
        own.write_text(own.read_text().replace(new, old))


def test_the_model_is_of_the_first_criterion():
    criteria = [["valid", "acc_slu", "max"], ["valid", "loss", "min"]]
    assert best_model({"best_model_criterion": criteria}) == "valid.acc_slu.ave.pth"
    assert best_model({}) == "valid.acc.ave.pth"
