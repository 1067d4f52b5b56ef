"""The filterbank against another implementation of Kaldi's definition."""

import kaldi_native_fbank
import numpy as np
import pytest
import soundfile

from espnet_atat.speech.fbank import NUM_MELS, fbank, num_frames
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


def noisy_chirp(seconds: float, offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(7)
    time = np.arange(int(seconds * 16_000)) / 16_000
    wave = 0.2 * np.sin(2 * np.pi * (100 + 900 * time) * time) + 0.02 * rng.standard_normal(len(time)) + offset
    return wave.astype(np.float32)


def test_agrees_with_kaldi_native_fbank():
    speech = [soundfile.read(one.path, dtype="float32")[0] for one in spoken("sentences_train", 5)]
    for samples in (noisy_chirp(3.21), noisy_chirp(3.21, offset=0.3), *speech):
        difference = np.abs(fbank(samples) - by_kaldi_native_fbank(samples))
        assert difference.max() < LARGEST
        assert difference.mean() < MEAN


def test_digital_silence_is_the_floor():
    assert np.allclose(fbank(np.zeros(1600, np.float32)), np.log(np.finfo(np.float32).eps))


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16_000, 98), (96 * 160 + 400, 97)])
def test_frames_are_those_that_fit_whole(samples, frames):
    assert num_frames(samples) == frames
    assert fbank(noisy_chirp(samples / 16_000 + 1)[:samples]).shape == (frames, NUM_MELS)
