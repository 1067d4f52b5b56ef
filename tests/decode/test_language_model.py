"""Shallow fusion: the language model sees its own symbols, and its score is what it gives the tokens."""

import pytest
import torch
from espnet2.lm.seq_rnn_lm import SequentialRNNLM

from espnet_atat.decode.language_model import LanguageModel
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.errors import UserError


@pytest.fixture(scope="module")
def lm_tokens(vocabulary) -> list[str]:
    """Another order than the decoder's, no task tokens, ESPnet's end symbol last."""
    return ["<blank>", "<unk>", *sorted(vocabulary.tokens[7:], reverse=True), "<sos/eos>"]


@pytest.fixture(scope="module")
def network(lm_tokens) -> SequentialRNNLM:
    torch.manual_seed(0)
    return SequentialRNNLM(len(lm_tokens), unit=16, nlayers=1, dropout_rate=0.0).eval()


def test_the_score_is_the_models_own(trained, speech, network, lm_tokens, vocabulary):
    model = LanguageModel.of(vocabulary, network, lm_tokens)
    search = Speech2Understand(
        trained=trained, language_model=model, lm_weight=0.7, nbest=3, maxlen=10, constrain_trees=True
    )
    for results in search.nbest(speech[:4]):
        for result in results:
            ids = [lm_tokens.index(token) for token in result.tokens]
            inputs = torch.tensor([[len(lm_tokens) - 1, *ids]])
            outputs = torch.tensor([*ids, len(lm_tokens) - 1])
            with torch.inference_mode():
                logits, _ = network(inputs, None)
            expected = float(-torch.nn.functional.cross_entropy(logits[0], outputs, reduction="sum"))
            assert result.scores["lm"] == pytest.approx(expected, abs=1e-3)
            assert result.score == pytest.approx(result.scores["decoder"] + 0.7 * expected, abs=1e-3)


def test_a_batch_with_a_language_model_gives_the_hypotheses_of_single_runs(
    trained, speech, network, lm_tokens, vocabulary
):
    model = LanguageModel.of(vocabulary, network, lm_tokens)
    search = Speech2Understand(trained=trained, language_model=model, lm_weight=0.7, maxlen=10)
    batch = search(speech[:6])
    alone = [search(utterance) for utterance in speech[:6]]
    assert [result.tokens for result in batch] == [result.tokens for result in alone]
    assert [result.score for result in batch] == pytest.approx([result.score for result in alone], abs=1e-4)


def test_a_tag_that_the_language_model_lacks_is_named(vocabulary, network, lm_tokens):
    with pytest.raises(UserError, match=r"lacks 1 of the decoder's tokens, the first is '\[IN:BUY'"):
        LanguageModel.of(vocabulary, network, [token for token in lm_tokens if token != "[IN:BUY"])


def test_a_weight_without_a_language_model_is_an_error(trained):
    with pytest.raises(UserError, match="no language model"):
        Speech2Understand(trained=trained, lm_weight=0.3)
