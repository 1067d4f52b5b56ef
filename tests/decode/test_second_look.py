"""The text half's say in what was heard, against one hypothesis at a time."""

from dataclasses import replace
from math import exp

import pytest
import torch

from espnet_atat.decode.result import Understanding
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.second_look import READING, log_probabilities, look_again, texts_of, with_readings
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.text.tokenizer import TargetTokenizer, target_words, word_numbers
from tests.decode.conftest import encode, sure_of_letters

OPTIONS = {"maxlen": 10, "nbest": 4, "constrain_trees": True}


def log_probability(trained, encoded, tokens, task, penalty=0.0) -> float:
    """By a pass of the decoder over one hypothesis; of its words each at least ``-penalty``, if that is not 0."""
    ids = trained.vocabulary.ids(tokens)
    labels = [trained.vocabulary.task_id(label) for label in task.split("+")]
    inputs = torch.tensor([[label, *ids] for label in labels])
    encoded = replace(
        encoded, states=encoded.states.expand(len(labels), -1, -1), lengths=encoded.lengths.repeat(len(labels))
    )
    with torch.inference_mode():
        sizes = torch.tensor([inputs.shape[1]] * len(labels))
        logits, _ = trained.model.decoder(encoded.states, encoded.lengths, inputs, sizes)
    scores = logits.softmax(-1).mean(0).log()
    found = [float(scores[place, i]) for place, i in enumerate([*ids, trained.vocabulary.eos_id])]
    numbers = [None if token == "<slu>" else n for token, n in zip(tokens, word_numbers(tokens), strict=True)] + [None]
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


@pytest.mark.parametrize(
    ("name", "task"), [("trained", "nlu"), ("character_trained", "slu"), ("character_trained", "nlu+slu")]
)
def test_the_best_of_all_that_was_heard_or_read_wins(name, task, request, speech, monkeypatch):
    """With a reader that finds another tree of some texts."""
    trained = request.getfixturevalue(name)
    heard = Speech2Understand(trained=trained, task=task, **OPTIONS).nbest(speech)
    understand = Speech2Understand(trained=trained, task=task, reading_weight=3.0, **{**OPTIONS, "nbest": 1})

    def read(texts, **_):
        words = [[part for word in text.split() for part in trained.vocabulary.spell(f"▁{word}")] for text in texts]
        return [[understood(f"[IN:BUY {' '.join(parts)} ]", 0.0)] * (len(parts) % 2) for parts in words]

    monkeypatch.setattr(understand.reader, "nbest", read)
    places = []
    for utterance, pool, (best,) in zip(speech, heard, understand.nbest(speech), strict=True):
        encoded, scores = encode(trained, utterance), {}
        ctc = {each.text: each.scores.get("ctc", 0.0) for each in pool}
        texts = texts_of(pool)
        for tokens, text in [
            *((each.tokens, each.text) for each in pool),
            *((tree.tokens, text) for text, trees in zip(texts, read(texts), strict=True) for tree in trees),
        ]:
            pieces = torch.tensor([trained.text_pieces(text or "?")])
            with torch.inference_mode():
                of_text = trained.model.encode_text(pieces, torch.tensor([pieces.shape[1]]))
            as_heard = log_probability(trained, trained.model.decoder_source(encoded), tokens, task)
            as_read = log_probability(trained, of_text, tokens, "nlu")
            scores[tokens] = as_heard + 0.3 * ctc[text] + 3.0 * as_read
        assert best.score == pytest.approx(max(scores.values()), abs=1e-3)
        assert scores[best.tokens] == pytest.approx(best.score, abs=1e-3)
        places.append([*scores].index(best.tokens))
    assert len({min(place, 4) for place in places}) > 2, f"no test: the best were heard first, later, or read: {places}"


def understood(tree: str, ctc: float) -> Understanding:
    tokens = tuple(tree.split())
    line = TargetTokenizer.join(tokens)
    text = " ".join(target_words(line))
    return Understanding(line, None, text, ctc - 1, tokens, {"decoder": -1.0, "ctc": ctc})


def test_trees_of_reading_join_those_that_were_heard_with_the_same_words():
    heard = [
        understood(f"[IN:{each} ]", ctc) for each, ctc in (("PLAY ▁moon", -2), ("BUY ▁moon", -2), ("PLAY ▁noon", -9))
    ]
    assert texts_of(heard) == ["moon", "noon"]
    found = [understood(f"[IN:PLAY {each}", 0) for each in ("[SL:SONG ▁moon ] ]", "▁mo on ]", "▁soon ]")]
    pool = with_readings(heard, iter([found, [understood("[IN:FIND ▁noon ]", 0)], found]))
    assert sorted((each.tree, each.scores["ctc"], each.score) for each in pool) == [
        ("[IN:BUY moon ]", -2, -3),
        ("[IN:FIND noon ]", -9, -10),
        ("[IN:PLAY [SL:SONG moon ] ]", -2, -3),
        ("[IN:PLAY moon ]", -2, -3),
        ("[IN:PLAY noon ]", -9, -10),
    ], "but for the decoder's part, which is to come"


def test_of_several_ways_to_write_a_line_in_tokens_the_best_is_kept():
    best, worse = understood("[IN:PLAY ▁moon ]", -2), understood("[IN:PLAY ▁mo on ]", -2)
    for heard, read in (([best, worse], []), ([worse], [best, worse])):
        (kept,) = with_readings(heard, iter([read]))
        assert kept.tokens == best.tokens


def test_a_control_token_in_a_hypothesis_is_no_word(character_trained, speech):
    encoded, tokens = encode(character_trained, speech[0]), ("[IN:PLAY", "<slu>", "▁moon", "▁the", "]")
    heard = Understanding("[IN:PLAY moon the ]", None, "moon the", 0.0, tokens, {"decoder": 0.0})
    config = SearchConfig(task="nlu", reading_weight=1, oov_penalty=0.01)
    ((found,),) = look_again(character_trained, [[heard]], encoded, config, "nlu")
    assert found.scores["decoder"] == pytest.approx(
        log_probability(character_trained, encoded, tokens, "nlu", 0.01), abs=1e-3
    )
    assert found.scores["decoder"] < -1


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
