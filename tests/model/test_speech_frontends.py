"""The inputs of pretrained encoders are those of transformers' own feature extractors."""

import numpy as np
import pytest
import torch
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from espnet_atat.errors import UserError
from espnet_atat.model.speech_frontends import KaldiLogMel, Waveform, WhisperLogMel, make_frontend


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(12345) * 0.2) * np.linspace(0, 1, 12345)
    return (0.1 * tone + 0.01 * rng.normal(size=12345)).astype(np.float32)


@pytest.mark.parametrize("channels", [80, 128])
def test_whispers_log_mel(samples, channels):
    theirs = WhisperFeatureExtractor(feature_size=channels)
    wanted = theirs._np_extract_fbank_features(np.pad(samples, (0, 8000))[None], "cpu")[0]
    ours, frames = WhisperLogMel(channels, 0.5)(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
    assert int(frames) == wanted.shape[1] == ours.shape[2]
    assert np.allclose(ours[0].numpy(), wanted, atol=1e-4)


def test_whispers_log_mel_is_an_utterances_own(samples):
    front = WhisperLogMel(80, 0.5)
    rows = torch.zeros(2, len(samples))
    rows[0], rows[1, :5000] = torch.from_numpy(samples), torch.from_numpy(samples[-5000:]) * 0.01
    together, frames = front(rows, torch.tensor([len(samples), 5000]))
    alone, _ = front(rows[1:, :5000], torch.tensor([5000]))
    assert torch.allclose(together[1, :, : int(frames[1])], alone[0], atol=1e-5)
    assert not together[1, :, int(frames[1]) :].any()


@pytest.mark.parametrize("normalise", [True, False])
def test_the_waveform(samples, normalise):
    theirs = Wav2Vec2FeatureExtractor(do_normalize=normalise)(samples, sampling_rate=16000)["input_values"][0]
    ours = Waveform(normalise)(torch.from_numpy(samples)[None])
    assert np.allclose(ours[0].numpy(), theirs, atol=1e-5)


def test_kaldis_log_mel(samples):
    wanted = SeamlessM4TFeatureExtractor()(samples, sampling_rate=16000, return_tensors="np")
    rows = wanted["input_features"][0][wanted["attention_mask"][0].astype(bool)]
    ours = KaldiLogMel(80, 2)(torch.from_numpy(samples)[None])
    assert ours.shape[1:] == rows.shape
    assert np.allclose(ours[0].numpy(), rows, atol=2e-3)


def test_another_sampling_rate_is_refused():
    with pytest.raises(UserError, match="hears 8000 samples per second, this project 16000"):
        make_frontend("wav2vec2", "input_values", {"sampling_rate": 8000}, 80, 0.5)
