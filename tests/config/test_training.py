"""Options as resolved from configurations and rows."""

import pytest

from espnet_atat.config.system import Phase
from espnet_atat.config.training import best_model, load_token_config, load_training_config
from espnet_atat.errors import UserError
from tests.steps.world import write_recipe


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text_tokenizer: t", r"odd\.yaml: the key 'bpe_size' is missing"),
        ("bpe_size: x", r"odd\.yaml: bpe_size: is a whole number, found 'x'"),
        ("bpe_sizes: 5", "unknown key 'bpe_sizes', perhaps 'bpe_size'; known: bpe_size, wordpiece_size, text_tok"),
        ("bpe_size: 5\nwordpiece_size: 3\ntext_tokenizer: t", "give one of the two"),
    ],
)
def test_token_options_are_checked(world, content, message):
    write_recipe(world, "toy", {"conf/odd.yaml": content})
    with pytest.raises(UserError, match=message):
        load_token_config("toy", "odd")
    assert load_token_config("toy", {"bpe_size": 5, "wordpiece_size": None}) == {"bpe_size": 5}  # spelled out


def test_options_of_a_row_go_before_those_of_the_configuration_key_by_key_and_the_first_criterion_chooses(world):
    write_recipe(world, "toy", {"conf/c.yaml": "a: {x: 1, y: 2}\nb: {x: 1}\nc: 1\n"})
    phase = Phase(config="c", mixture="m", options={"a": {"y": 3}, "b": {}, "c": None})
    assert load_training_config("toy", phase, {"c": 5, "d": 6}) == {"a": {"x": 1, "y": 3}, "b": {}, "c": None, "d": 6}
    criteria = [["valid", "acc_slu", "max"], ["valid", "loss", "min"]]
    assert best_model({"best_model_criterion": criteria}) == "valid.acc_slu.ave.pth"
    assert best_model({}) == "valid.acc.ave.pth"
