"""Little data lacks some tags: their names are known all the same."""

import pytest
from espnet_atat.recipe.known_tags import KEY
from espnet_atat.steps.systems import plan_system
from espnet_atat.recipe.tokens import make_tokens

from espnet_atat.config.system import load_system
from espnet_atat.text.vocabulary import Vocabulary
from tests.steps.world import FILES, write_recipe

LITTLE = """
train: [{task: slu, set: toy/audio, limit: 1}]
valid: [{task: slu, set: toy/audio}]
"""


def plan(system):
    return plan_system(load_system("toy", system), 1).final


@pytest.mark.usefixtures("world")
def test_where_every_tag_is_trained_on_the_token_list_has_the_name_it_always_had():
    assert KEY not in plan("old").tokens.identity
    assert KEY not in plan("zeroshot").tokens.identity


def test_tags_of_validation_trees_alone_stand_in_the_token_list(world):
    write_recipe(world, "toy", {"mixtures/pretrain": LITTLE})
    training = plan("old")
    unseen = training.tokens.identity[KEY]
    make_tokens(training)
    tokens = Vocabulary.load(training.tokens.place / "tokens.txt").tokens
    assert set(unseen) < set(tokens)
    assert {"[IN:PLAY", "[IN:STOP", "[SL:AUTHOR", "]"} <= set(tokens)
    assert all(not token.startswith("[") or tokens.count(token) == 1 for token in tokens)


def test_what_pretraining_knows_is_not_new_in_fine_tuning(world):
    write_recipe(world, "toy", {"mixtures/new_words": LITTLE.replace("slu, set: toy/audio", "nlu, set: toy/words")})
    assert KEY not in plan("zeroshot").tokens.identity
    afresh = FILES["rows/zeroshot"].replace(
        "mixture: new_words}",
        "mixture: new_words, keep: [audio_encoder],\n  options: {pretrained_parameters: [audio_encoder]}}",
    )
    write_recipe(world, "toy", {"rows/zeroshot": afresh})
    assert KEY in plan("zeroshot").tokens.identity
