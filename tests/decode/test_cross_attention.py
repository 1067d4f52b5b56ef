"""Attention of a hypothesis: proper weights, the decoder's own, and of that utterance alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from espnet_atat.decode.cross_attention import Attention, speech_attention, text_attention
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.decode.vad import Segment
from espnet_atat.errors import UserError
from tests.decode.conftest import encode


def test_each_token_shares_its_attention_out_over_the_states(trained, speech):
    result = Speech2Understand(trained=trained, maxlen=10)(speech[0])
    found = speech_attention(trained, Segment(speech[0]), "slu", result.tokens)
    assert found.tokens == (*result.tokens, "<eos>")
    assert found.weights.shape == (2, 2, len(result.tokens) + 1, len(speech[0]) // 4)
    assert found.weights.sum(-1) == pytest.approx(1.0, abs=1e-5)
    frames = found.frames(len(speech[0]))
    assert frames.shape == (len(found.tokens), len(speech[0]))
    assert frames.sum(1) == pytest.approx(1.0, abs=1e-5)


def test_it_is_what_espnets_decoder_computes(trained, speech):
    """ESPnet's attention module keeps its weights where it is told to compute them itself."""
    tokens = ("[IN:PLAY", "▁play", "]")
    found = speech_attention(trained, Segment(speech[1]), "slu", tokens)
    vocabulary, decoder, encoded = trained.vocabulary, trained.model.decoder, encode(trained, speech[1])
    with torch.inference_mode():
        ids = torch.tensor([[vocabulary.task_id("slu"), *vocabulary.ids(list(tokens))]])
        for layer in decoder.decoders:
            layer.src_attn.use_flash_attn = layer.src_attn.use_sdpa = False
        decoder(encoded.states, encoded.lengths, ids, torch.tensor([4]))
    for weights, layer in zip(found.weights, decoder.decoders, strict=True):
        np.testing.assert_allclose(weights, layer.src_attn.attn[0].numpy(), atol=1e-6)


def test_text_has_a_column_a_piece_and_the_task_matters(trained):
    pieces = trained.text_tokenizer("play the moon")["input_ids"]
    found = {task: text_attention(trained, pieces, task, ["▁play"]).mean for task in ("nlu", "slu")}
    assert found["nlu"].shape == (2, len(pieces))
    assert np.abs(found["nlu"] - found["slu"]).max() > 1e-4


def test_frames_that_fill_no_state_get_nothing():
    attention = Attention(("<eos>",), np.full((1, 1, 1, 2), 0.5, np.float32), 4)
    np.testing.assert_allclose(attention.frames(10), [[0.125] * 8 + [0.0] * 2])
    later = replace(attention, first=3)  # of a recording whose beginning the model was not given
    np.testing.assert_allclose(later.frames(13), [[0.0] * 3 + [0.125] * 8 + [0.0] * 2])


def test_a_foreign_token_is_named(trained, speech):
    with pytest.raises(UserError, match=r"the token '\[IN:NOWHERE' is not of this model's"):
        speech_attention(trained, Segment(speech[0]), "slu", ["[IN:NOWHERE"])


def test_a_state_that_is_a_words_mean_shares_its_attention_among_the_words_frames(shortened_trained, speech):
    """Also: an utterance's result is its own, whatever is decoded with it."""
    understand = Speech2Understand(trained=shortened_trained, maxlen=10)
    numbers = []
    for features, result in zip(speech[:4], understand(speech[:4]), strict=True):
        assert understand(features).tokens == result.tokens
        found = speech_attention(shortened_trained, Segment(features), "slu", result.tokens)
        with torch.inference_mode():
            pieces = shortened_trained.model.audio_pieces(encode(shortened_trained, features))[0].numpy()
        assert len(pieces) == found.weights.shape[-1]
        np.testing.assert_allclose(found.weights.sum(-1), 1.0, atol=1e-5)
        numbers.append(pieces[-1] + 1)
        for piece in range(numbers[-1]):
            assert np.ptp(found.weights[..., pieces == piece], axis=-1).max() == 0
        assert numbers[-1] < len(pieces)
    assert max(numbers) > 2
