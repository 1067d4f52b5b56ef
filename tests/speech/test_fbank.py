"""The filterbank against two other implementations of Kaldi's definition."""

import kaldi_native_fbank
import numpy as np
import pytest
import soundfile

from espnet_atat.errors import UserError
from espnet_atat.speech.fbank import NUM_MELS, fbank, mel_filters, num_frames
from tests.spoken import spoken

# The natural logarithm of a filter's energy. Single-precision sums in another order differ most in filters that hold
# almost no energy, so the largest difference is bounded loosely and the mean tightly.
LARGEST, MEAN = 0.01, 1e-4


def by_kaldi_native_fbank(samples: np.ndarray) -> np.ndarray:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = NUM_MELS
    computer = kaldi_native_fbank.OnlineFbank(options)
    computer.accept_waveform(16_000, samples * 32768)
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def by_torchaudio(samples: np.ndarray) -> np.ndarray:
    import torch
    from torchaudio.compliance import kaldi

    wave = torch.from_numpy(samples)[None] * 32768
    return kaldi.fbank(wave, num_mel_bins=NUM_MELS, dither=0.0, sample_frequency=16_000).numpy()


def noisy_chirp(seconds: float, offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(7)
    time = np.arange(int(seconds * 16_000)) / 16_000
    wave = 0.2 * np.sin(2 * np.pi * (100 + 900 * time) * time) + 0.02 * rng.standard_normal(len(time)) + offset
    return wave.astype(np.float32)


@pytest.mark.parametrize("reference", [by_kaldi_native_fbank, by_torchaudio])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_agrees_with_other_implementations(reference, offset):
    samples = noisy_chirp(3.21, offset)
    difference = np.abs(fbank(samples) - reference(samples))
    assert difference.max() < LARGEST
    assert difference.mean() < MEAN


def test_agrees_on_speech():
    for one in spoken("sentences_train", 5):
        samples, _ = soundfile.read(one.path, dtype="float32")
        difference = np.abs(fbank(samples) - by_kaldi_native_fbank(samples))
        assert difference.max() < LARGEST
        assert difference.mean() < MEAN


def test_digital_silence_is_the_floor():
    assert np.allclose(fbank(np.zeros(1600, np.float32)), np.log(np.finfo(np.float32).eps))


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16_000, 98), (96 * 160 + 400, 97)])
def test_frames_are_those_that_fit_whole(samples, frames):
    assert num_frames(samples) == frames
    assert fbank(noisy_chirp(samples / 16_000 + 1)[:samples]).shape == (frames, NUM_MELS)


def test_a_frame_depends_on_its_own_samples_alone():
    samples = noisy_chirp(2.0)
    whole = fbank(samples)
    part = fbank(samples[160 * 70 : 160 * 70 + 400])
    assert np.allclose(whole[70], part[0], atol=1e-3)


def test_too_short_says_how_short():
    with pytest.raises(UserError, match="399 samples"):
        fbank(np.zeros(399, np.float32))


def test_filters_cover_the_spectrum_between_20_hz_and_8_khz():
    weights = mel_filters()
    assert weights[0].sum() == 0
    assert weights[-1].sum() == 0
    assert (weights.sum(axis=0) > 0).all()
    assert np.allclose(weights[6:245].sum(axis=1), 1, atol=1e-5)
