"""The text half's say in what was heard, against one hypothesis at a time."""

from math import exp

import pytest
import torch

from espnet_atat.decode.result import Understanding
from espnet_atat.decode.second_look import READING, log_probabilities, texts_of, with_readings
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.text.tokenizer import target_words, word_numbers
from tests.decode.conftest import encode, sure_of_letters

OPTIONS = {"maxlen": 10, "nbest": 4, "constrain_trees": True}


def log_probability(trained, encoded, tokens, task, penalty=0.0) -> float:
    """By a pass of the decoder over one hypothesis; of its words each at least ``-penalty``, if that is not 0."""
    ids = trained.vocabulary.ids(tokens)
    inputs = torch.tensor([[trained.vocabulary.task_id(task), *ids]])
    with torch.inference_mode():
        logits, _ = trained.model.decoder(encoded.states, encoded.lengths, inputs, torch.tensor([inputs.shape[1]]))
    scores = logits[0].log_softmax(-1)
    found = [float(scores[place, i]) for place, i in enumerate([*ids, trained.vocabulary.eos_id])]
    numbers = [*word_numbers(tokens), None]
    words = [sum(each for each, of in zip(found, numbers, strict=True) if of == n) for n in {*numbers} - {None}]
    others = sum(each for each, of in zip(found, numbers, strict=True) if of is None)
    return others + sum(max(word, -penalty) if penalty else word for word in words)


@pytest.mark.parametrize(
    ("name", "penalty"), [("character_trained", 0), ("shortened_trained", 0), ("character_trained", 2)]
)
def test_each_tree_is_scored_as_heard_and_as_read_from_its_own_words(name, penalty, request, speech):
    trained = sure_of_letters(request.getfixturevalue(name))
    options = {"trained": trained, "task": "nlu", "oov_penalty": penalty, **OPTIONS}
    once = Speech2Understand(**options).nbest(speech)
    again = Speech2Understand(reading_weight=0.5, **options).nbest(speech)
    changed = spelled = 0
    for utterance, before, after in zip(speech, once, again, strict=True):
        heard = trained.model.decoder_source(encode(trained, utterance))
        for result in after:
            pieces = torch.tensor([trained.text_pieces(result.text or "?")])
            with torch.inference_mode():
                read = trained.model.encode_text(pieces, torch.tensor([pieces.shape[1]]))
            tokens = [part for token in result.tokens for part in trained.vocabulary.spell(token)]
            as_heard, as_read = (log_probability(trained, each, tokens, "nlu", penalty) for each in (heard, read))
            assert result.scores[READING] == pytest.approx(as_read, abs=1e-3)
            assert result.score == pytest.approx(as_heard + 0.3 * result.scores["ctc"] + 0.5 * as_read, abs=1e-3)
            spelled += tuple(tokens) != result.tokens
            assert penalty or result.text in ["", *texts_of(before)], "nothing is added that nothing has heard"
        assert [r.score for r in after] == sorted((r.score for r in after), reverse=True)
        changed += before[0].tokens != after[0].tokens
    assert changed, "a second look changed no utterance: no test"
    assert bool(spelled) == bool(penalty), "words of the CTC's spelling are read too"


def understood(tree: str, ctc: float) -> Understanding:
    text = " ".join(target_words(tree))
    return Understanding(tree, None, text, ctc - 1, tuple(tree.split()), {"decoder": -1.0, "ctc": ctc})


def test_trees_of_reading_join_those_that_were_heard_with_the_same_words():
    heard = [understood("[IN:PLAY moon ]", -2), understood("[IN:BUY moon ]", -2), understood("[IN:PLAY noon ]", -9)]
    assert texts_of(heard) == ["moon", "noon"]
    found = [understood("[IN:PLAY [SL:SONG moon ] ]", 0), heard[1], understood("[IN:PLAY soon ]", 0)]
    pool = with_readings(heard, iter([found, [understood("[IN:FIND noon ]", 0)], found]))
    assert [(each.tree, each.scores["ctc"]) for each in pool] == [
        ("[IN:PLAY moon ]", -2),
        ("[IN:BUY moon ]", -2),
        ("[IN:PLAY noon ]", -9),
        ("[IN:PLAY [SL:SONG moon ] ]", -2),
        ("[IN:FIND noon ]", -9),
    ]
    assert [each.score for each in pool] == [-3, -3, -10, -3, -10], "but for the decoder's part, which is to come"


def test_of_several_labels_the_probabilities_of_each_token_are_averaged(trained, speech):
    encoded = encode(trained, speech[0])
    labels = (["nlu"], ["slu"], ["nlu", "slu"])
    one, two, both = (float(log_probabilities(trained, encoded, [0], [[]], tasks)) for tasks in labels)
    assert exp(both) == pytest.approx((exp(one) + exp(two)) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (Speech2Understand, {"reading_weight": -1}, "reading_weight is a number from 0, found -1"),
        (Speech2Understand, {"reading_weight": 1, "penalty": 1}, "without lm_weight and penalty"),
        (Text2Understand, {"reading_weight": 1, "lm_weight": 1}, "without lm_weight and penalty"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(trained, build, options, message):
    with pytest.raises(UserError, match=message):
        build(trained=trained, **options)


def test_words_and_text_are_taken_as_they_are(trained, speech, texts):
    for build, inputs, task in ((Speech2Understand, speech[:4], "asr"), (Text2Understand, texts[:4], "nlu")):
        once, again = (build(trained=trained, task=task, maxlen=8, reading_weight=weight)(inputs) for weight in (0, 1))
        assert once == again
