"""A simulated far-field recording of close speech: a seeded room impulse response and seeded background noise.

The room is the usual statistical model: the direct sound, then noise that decays exponentially, 60 dB in the
reverberation time (Polack 1988). The utterance's id is the seed, so a copy is the same on every machine.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from espnet_atat.speech.augmentation.effects import impulse_response

SAMPLE_RATE = 16_000  # Hz
REVERBERATION = (0.25, 0.7)  # s, the time in which the reverberation decays by 60 dB
DIRECT_TO_REVERBERANT = (-2.0, 6.0)  # dB
FIRST_ECHO = (0.002, 0.012)  # s after the direct sound
SIGNAL_TO_NOISE = (8.0, 25.0)  # dB
NOISE_SLOPE = (0.0, 1.0)  # amplitude ~ 1 / frequency ** slope: 0 is white, 1 is red
TAIL = 0.3  # s of reverberation that are kept after the end of the speech
PEAK = 0.95

Samples = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """What is drawn for one utterance; ranges and units are those of the module's constants."""

    reverberation: float
    direct_to_reverberant: float
    first_echo: float
    signal_to_noise: float
    noise_slope: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Room":
        """A room, each quantity uniform in its range."""
        ranges = (REVERBERATION, DIRECT_TO_REVERBERANT, FIRST_ECHO, SIGNAL_TO_NOISE, NOISE_SLOPE)
        return cls(*(float(rng.uniform(low, high)) for low, high in ranges))

    def impulse_response(self, rng: np.random.Generator) -> Curve:
        """Shape = (reverberation time in samples,); the direct sound is 1 at sample 0."""
        quantities = self.reverberation, self.direct_to_reverberant, self.first_echo
        return impulse_response(rng, SAMPLE_RATE, *quantities)

    def noise(self, rng: np.random.Generator, length: int) -> Curve:
        """Coloured noise of unit power, shape = (length,)."""
        spectrum = np.fft.rfft(rng.standard_normal(length))
        spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** self.noise_slope
        coloured = np.fft.irfft(spectrum, length)
        return coloured / np.sqrt(np.mean(coloured**2))


def far_field(samples: Samples, key: str) -> Samples:
    """The utterance as a microphone across the room would record it.

    Args:
        samples: close speech at 16 kHz, shape = (num_samples,).
        key: the utterance's id, the seed of room and noise.

    Returns:
        As loud as `samples` unless that would clip, shape = (num_samples + 4800,): 0.3 s of reverberation follow.
    """
    rng = np.random.default_rng(np.frombuffer(hashlib.sha256(key.encode()).digest(), dtype=np.uint32))
    room = Room.draw(rng)
    length = len(samples) + round(TAIL * SAMPLE_RATE)
    wet = np.zeros(length)
    echoing = fftconvolve(samples, room.impulse_response(rng))[:length]
    wet[: len(echoing)] = echoing
    power = np.mean(wet**2)
    wet += room.noise(rng, length) * np.sqrt(power) * 10 ** (-room.signal_to_noise / 20)
    gain = np.sqrt(np.mean(samples.astype(np.float64) ** 2) / np.mean(wet**2))
    return (wet * min(gain, PEAK / np.abs(wet).max())).astype(np.float32)
