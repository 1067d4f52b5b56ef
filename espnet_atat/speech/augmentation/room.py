"""Impulse responses of rooms that are not there: the usual statistical model (Polack 1988).

The direct sound, then, after the first echo's delay, noise that decays exponentially, 60 dB in the reverberation time.
"""

import numpy as np
import numpy.typing as npt

REVERBERATION = (0.2, 0.7)  # s, the time in which the room's echo falls by 60 dB
DIRECT_TO_REVERBERANT = (-2.0, 8.0)  # dB
FIRST_ECHO = (0.002, 0.012)  # s after the direct sound


def impulse_response(
    rng: np.random.Generator, rate: int, reverberation: float, direct_to_reverberant: float, first_echo: float
) -> npt.NDArray[np.float64]:
    """One room's response, shape (reverberation time in samples,); the direct sound is 1 at sample 0.

    Times are in seconds; ``direct_to_reverberant`` is the power of the direct sound over that of the echo, in dB.
    """
    length = round(reverberation * rate)
    time = np.arange(length) / rate  # s
    echo = rng.standard_normal(length) * 10 ** (-3 * time / reverberation)
    echo[: round(first_echo * rate)] = 0.0
    echo *= 10 ** (-direct_to_reverberant / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1.0
    return echo


def draw_response(rng: np.random.Generator, rate: int) -> npt.NDArray[np.float64]:
    """The response of a room whose quantities are drawn, each uniform in this module's range."""
    quantities = (float(rng.uniform(*limits)) for limits in (REVERBERATION, DIRECT_TO_REVERBERANT, FIRST_ECHO))
    return impulse_response(rng, rate, *quantities)
