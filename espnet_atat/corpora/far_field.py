"""A simulated far-field recording of close speech: a room and background noise, whose seed is the utterance's id."""

import hashlib

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.augmentation.effects import FIRST_ECHO, impulse_response

REVERBERATION = (0.25, 0.7)  # s, the time in which the reverberation decays by 60 dB
DIRECT_TO_REVERBERANT = (-2.0, 6.0)  # dB
SIGNAL_TO_NOISE = (8.0, 25.0)  # dB
NOISE_SLOPE = (0.0, 1.0)  # amplitude ~ 1 / frequency ** slope: 0 is white, 1 is red
TAIL = 0.3  # s of reverberation that are kept after the end of the speech
PEAK = 0.95


def far_field(samples: npt.NDArray[np.float32], key: str) -> npt.NDArray[np.float32]:
    """Close speech at 16 kHz, shape (num_samples,), as a microphone across the room would record it.

    As loud unless that would clip, shape (num_samples + 4800,): 0.3 s of reverberation follow.
    """
    rng = np.random.default_rng(np.frombuffer(hashlib.sha256(key.encode()).digest(), dtype=np.uint32))
    ranges = (REVERBERATION, DIRECT_TO_REVERBERANT, FIRST_ECHO, SIGNAL_TO_NOISE, NOISE_SLOPE)
    *room, signal_to_noise, slope = (float(rng.uniform(low, high)) for low, high in ranges)
    length = len(samples) + round(TAIL * SAMPLE_RATE)
    wet = np.zeros(length)
    echoing = fftconvolve(samples, impulse_response(rng, SAMPLE_RATE, *room))[:length]
    wet[: len(echoing)] = echoing
    power = np.mean(wet**2)
    wet += coloured_noise(rng, length, slope) * np.sqrt(power) * 10 ** (-signal_to_noise / 20)
    gain = np.sqrt(np.mean(samples.astype(np.float64) ** 2) / np.mean(wet**2))
    return (wet * min(gain, PEAK / np.abs(wet).max())).astype(np.float32)


def coloured_noise(rng: np.random.Generator, length: int, slope: float) -> npt.NDArray[np.float64]:
    """Noise of unit power, shape = (length,)."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** slope
    noise = np.fft.irfft(spectrum, length)
    return noise / np.sqrt(np.mean(noise**2))
