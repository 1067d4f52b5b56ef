"""Our step of the decoder gives the scores of ESPnet's own."""

import pytest
import torch

from espnet_atat.decode.decoder_scorer import DecoderScorer, DecoderWeights
from espnet_atat.model.atat_model import Encoded
from tests.decode.conftest import tiny_model

LENGTHS = torch.tensor([9, 5, 7])
BEAM = 4


@pytest.fixture(scope="module")
def encoded() -> Encoded:
    return Encoded(torch.randn(3, 9, 32, generator=torch.Generator().manual_seed(0)), LENGTHS)


def stock_scores(decoder, encoded: Encoded, ys: torch.Tensor) -> torch.Tensor:
    """Teacher forcing by ESPnet's forward: log probabilities after the last token, (N, V)."""
    states = encoded.states.repeat_interleave(BEAM, 0)
    lengths = encoded.lengths.repeat_interleave(BEAM)
    logits, _ = decoder(states, lengths, ys, torch.full((len(ys),), ys.size(1)))
    return logits[:, -1].log_softmax(-1)


@torch.inference_mode()
@pytest.mark.parametrize("conf", [{}, {"normalize_before": False}, {"concat_after": True}, {"qk_norm": True}], ids=str)
def test_equals_espnets_decoder_over_steps_that_reorder(vocabulary, encoded, conf):
    decoder = tiny_model(vocabulary, **conf).decoder
    scorer = DecoderScorer(DecoderWeights(decoder), encoded, [4])
    generator = torch.Generator().manual_seed(1)
    ys = torch.full((len(LENGTHS) * BEAM, 1), 4)
    states = [None] * len(ys)
    for _ in range(6):
        scores, states = scorer.batch_score(ys, states, encoded.states)
        torch.testing.assert_close(scores, stock_scores(decoder, encoded, ys), atol=1e-5, rtol=1e-5)
        # Any hypotheses of the same utterance survive, some twice, each with any token.
        parents = torch.randint(BEAM, (len(LENGTHS), BEAM), generator=generator)
        tokens = torch.randint(len(vocabulary), (len(LENGTHS), BEAM), generator=generator)
        states = scorer.batch_select_state(states, parents * len(vocabulary) + tokens)
        chosen = (parents + torch.arange(len(LENGTHS))[:, None] * BEAM).flatten()
        ys = torch.cat((ys[chosen], tokens.view(-1, 1)), 1)


@torch.inference_mode()
def test_an_ensemble_averages_the_probabilities_of_its_labels(vocabulary, encoded):
    decoder = tiny_model(vocabulary).decoder
    ids = [vocabulary.task_id("nlu"), vocabulary.task_id("slu")]
    ys = torch.full((len(LENGTHS) * BEAM, 1), ids[0])
    both, singles = (
        DecoderScorer(DecoderWeights(decoder), encoded, ids),
        [DecoderScorer(DecoderWeights(decoder), encoded, [i]) for i in ids],
    )
    states, own = [None] * len(ys), [[None] * len(ys), [None] * len(ys)]
    for token in (9, 10):
        scores, states = both.batch_score(ys, states, encoded.states)
        found = [single.batch_score(ys, state, encoded.states) for single, state in zip(singles, own, strict=True)]
        own = [state for _, state in found]
        assert not torch.allclose(found[0][0], found[1][0], atol=1e-2)
        torch.testing.assert_close(scores.exp(), (found[0][0].exp() + found[1][0].exp()) / 2, atol=1e-6, rtol=1e-4)
        ys = torch.cat((ys, torch.full((len(ys), 1), token)), 1)
