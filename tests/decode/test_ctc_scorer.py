"""CTC scores against the definition: the likelihood of all the utterance's frames."""

import pytest
import torch

from espnet_atat.decode.ctc_scorer import FLOOR, ctc_log_likelihoods
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.ctc import CTCHead
from tests.decode.conftest import encode


def negative_loss(head: CTCHead, encoded: Encoded, symbols: list[int]) -> float:
    with torch.inference_mode():
        loss = head(encoded.states, encoded.lengths, torch.tensor([symbols]), torch.tensor([len(symbols)]))
    return -float(loss)


def test_prefix_scores_of_a_whole_hypothesis_sum_to_its_likelihood(token_trained, speech, vocabulary):
    search = Speech2Understand(trained=token_trained, maxlen=8, nbest=4, ctc_weight=0.4, constrain_trees=True)
    for utterance, results in zip(speech, search.nbest(speech), strict=True):
        encoded = encode(token_trained, utterance)
        for result in results:
            expected = negative_loss(token_trained.model.ctc, encoded, vocabulary.ids(result.tokens))
            assert result.scores["ctc"] == pytest.approx(expected, abs=2e-3)
            assert result.score == pytest.approx(0.6 * result.scores["decoder"] + 0.4 * result.scores["ctc"], abs=1e-3)


def test_an_utterance_too_short_for_its_ctc_is_still_understood(token_trained, speech):
    short = speech[0][:12]  # 3 states, 6 CTC frames: too few for most trees
    search = Speech2Understand(trained=token_trained, maxlen=20, ctc_weight=0.3, constrain_trees=True)
    result = search(short)
    assert result.frame is not None
    assert result.score > 20 * FLOOR


def test_character_ctc_rescores_what_the_search_found(character_trained, speech):
    characters = character_trained.characters
    options = {"trained": character_trained, "maxlen": 10, "nbest": 4, "constrain_trees": True}
    plain = Speech2Understand(ctc_weight=0.0, **options).nbest(speech)
    rescored = Speech2Understand(ctc_weight=0.5, **options).nbest(speech)
    changed = 0
    for utterance, before, after in zip(speech, plain, rescored, strict=True):
        encoded = encode(character_trained, utterance)
        scores = {result.tokens: result.score for result in before}
        assert scores.keys() == {result.tokens for result in after}
        for result in after:
            expected = negative_loss(character_trained.model.ctc, encoded, characters.encode(result.text))
            assert result.scores["ctc"] == pytest.approx(expected, abs=1e-3)
            assert result.score == pytest.approx(scores[result.tokens] + 0.5 * expected, abs=1e-3)
        assert [r.score for r in after] == sorted((r.score for r in after), reverse=True)
        changed += before[0].tokens != after[0].tokens
    assert changed, "rescoring changed no utterance: no test"


def test_a_character_ctc_is_in_the_final_choice_by_default(character_trained, token_trained, trained, speech):
    options = {"maxlen": 10, "nbest": 4, "constrain_trees": True}
    default, rescored, plain = (
        Speech2Understand(trained=character_trained, **options, **weight).nbest(speech)
        for weight in ({}, {"ctc_weight": 0.3}, {"ctc_weight": 0.0})
    )
    assert default == rescored != plain
    # In the search, and without a CTC, there is none unless a weight is given.
    for other in (token_trained, trained):
        found = Speech2Understand(trained=other, **options)
        assert found.ctc_weight == 0.0
        assert all("ctc" not in result.scores for result in found.nbest(speech[:2])[0])
    assert Text2Understand(trained=character_trained, maxlen=8)("play").score < 0


def test_likelihoods_by_hand():
    """Two frames, blank 0.5, a 0.3, b 0.2 in each: p(a) = a a + a - + - a = 0.09 + 0.15 + 0.15."""
    head = CTCHead(3, 1)
    with torch.inference_mode():
        head.project.weight.zero_()
        head.project.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
        encoded = Encoded(torch.zeros(2, 3, 1), torch.tensor([2, 3]))  # the first utterance is padded
        values = ctc_log_likelihoods(head, encoded, [0, 0, 0, 0, 1], [[1], [], [1, 2], [1, 1], []])
    assert values[:3].exp().tolist() == pytest.approx([0.39, 0.25, 0.06])
    assert values[3] == FLOOR  # a repeat needs a blank between: three frames
    assert values[4].exp() == pytest.approx(0.125)
