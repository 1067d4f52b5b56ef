"""The Python interface: what goes in, what comes out, what is refused."""

from argparse import Namespace

import numpy as np
import pytest
import soxr
import torch

from espnet_atat.decode.result import Understanding
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.trained import Trained
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.semantics.frame import Frame, Slot
from espnet_atat.speech.fbank import fbank
from espnet_atat.speech.mfcc import mfcc
from tests.decode.conftest import tiny_model


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Half a second of noise at 16 kHz."""
    return np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)


@pytest.fixture(scope="module")
def understand(trained) -> Speech2Understand:
    return Speech2Understand(trained=trained, maxlen=10, constrain_trees=True)


def test_samples_features_and_integers_are_one_utterance(understand, samples):
    result = understand(samples)
    assert understand(fbank(samples)) == result
    integers = np.round(samples * 2**15).astype(np.int16)
    assert understand(integers).tokens == understand(integers / np.float64(2**15)).tokens
    assert understand([samples, samples[:4000]])[0].tokens == result.tokens
    assert understand([]) == []
    slow = samples[:4000]
    assert understand(slow, rate=8000).tokens == understand(soxr.resample(slow, 8000, 16000)).tokens


def test_a_model_of_mfcc_makes_them_of_samples(samples, vocabulary, train_args):
    trained = Trained.of(tiny_model(vocabulary, input_size=39), train_args)
    understand = Speech2Understand(trained=trained, maxlen=10)
    assert understand(mfcc(samples, 13, deltas=True)) == understand(samples)
    with pytest.raises(UserError, match=r"expected \(num_frames, 39\)"):
        understand(fbank(samples))


@pytest.mark.parametrize(
    ("speech", "message"),
    [
        (np.zeros(0, np.float32), "of shape"),
        (np.zeros((3, 40, 80), np.float32), "of shape"),
        (np.zeros((40, 79), np.float32), r"expected \(num_frames, 80\)"),
        (np.zeros(8000, np.int64), "of type int64"),
        (np.full(8000, np.nan), "not finite"),
        (np.zeros(300, np.float32), "too short: 300 samples"),
        (np.zeros((3, 80), np.float32), "3 frames is shorter than one encoder state"),
    ],
)
def test_what_is_not_speech_is_refused(understand, speech, message):
    with pytest.raises(UserError, match=message):
        understand(speech)


def test_less_than_a_frame_of_audio_is_refused_with_a_frontend_too(understand, monkeypatch):
    monkeypatch.setattr(understand.trained.model, "frontend", torch.nn.Identity(), raising=False)
    with pytest.raises(UserError, match=r"speech of 256 samples: at least 400 are needed"):
        understand(np.ones(256, np.float32), 16_000)


def test_text_is_normalised_unless_it_is_already(trained):
    understand = Text2Understand(trained=trained, maxlen=8)
    assert understand("Play, the MOON!") == understand("play the moon")
    tokenizer = understand.trained.text_tokenizer
    assert tokenizer.convert_ids_to_tokens(tokenizer("play").input_ids) == ["[CLS]", "play", "[SEP]"]
    with pytest.raises(UserError, match="no word"):
        understand(" , ")


def test_a_hypothesis_is_read_as_tree_frame_and_words(vocabulary):
    target = "<slu> [IN:PLAY ▁play [SL:SONG ▁moon ing ] [SL:ARTIST ] ] <eos> <eos>"
    tokens = target.split()
    scores = {"decoder": -1.5, "constraint": 0.0}
    found = Namespace(yseq=torch.tensor(vocabulary.ids(tokens)), score=-1.5, scores=scores)
    result = Understanding.of(found, vocabulary, trees=True)
    assert result.tree == result.line == "[IN:PLAY play [SL:SONG mooning ] [SL:ARTIST ] ]"
    assert result.frame == Frame("PLAY", (Slot("SONG", "mooning"), Slot("ARTIST", "")))
    assert result.text == "play mooning"
    assert result.tokens == tuple(tokens[1:-2])
    assert result.scores == {"decoder": -1.5}
    words = Understanding.of(found, vocabulary, trees=False)
    assert (words.tree, words.frame, words.line) == ("", None, "play mooning")
    invalid = Namespace(yseq=torch.tensor(vocabulary.ids(["<slu>", "[IN:PLAY", "▁the"])), score=0.0, scores={})
    result = Understanding.of(invalid, vocabulary, trees=True)
    assert (result.frame, result.line, result.text) == (None, "[IN:PLAY the", "the")


def test_the_task_token_decides(trained, speech):
    trees, words = (Speech2Understand(trained=trained, task=t, maxlen=10, constrain_trees=True) for t in ("slu", "mlm"))
    assert all(result.tree for result in trees(speech[:3]))
    assert all(not result.tree and result.line == result.text for result in words(speech[:3]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "sing"}, "unknown task 'sing'"),
        ({"task": "slu+asr"}, "an ensemble has labels"),
        ({"beam_size": 0}, "beam_size is at least 1"),
        ({"nbest": 5}, "nbest 5 is more than beam_size 4"),
        ({"ctc_weight": 1.0}, r"ctc_weight is in \[0, 1\)"),
        ({"lm_weight": float("nan")}, "lm_weight"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        SearchConfig(**options)


def test_what_makes_no_search_is_refused(trained, token_trained, vocabulary, train_args):
    args = Namespace(**{**vars(train_args), "token_list": [*vocabulary.tokens, "[SL:NEW"]})
    with pytest.raises(UserError, match="different models"):
        Trained.of(trained.model, args)
    with pytest.raises(UserError, match="give train_config and model_file"):
        Speech2Understand("config.yaml")
    for understand, model, options, message in (
        (Speech2Understand, trained, {"beam_size": 99}, "beam_size 99 is more than the"),
        (Speech2Understand, trained, {"lm_weight": 0.3}, "no language model"),
        (Speech2Understand, trained, {"ctc_weight": 0.3}, "no CTC"),
        (Text2Understand, token_trained, {"ctc_weight": 0.3}, "no CTC on text"),
    ):
        with pytest.raises(UserError, match=message):
            understand(trained=model, **options)


def test_a_text_longer_than_the_encoder_has_positions_is_cut(trained):
    """As in training; the encoder would fail on it. What stands behind the cut cannot change the result."""
    understand = Text2Understand(trained=trained, maxlen=8)
    longest = trained.model.text_encoder.max_pieces
    long = understand("play " * (2 * longest))
    assert long == understand("play " * (2 * longest) + "stop")
