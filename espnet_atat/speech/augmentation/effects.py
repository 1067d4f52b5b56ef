"""What speakers, rooms and channels do to speech, as functions of samples: each has one property that tests measure.

Everywhere ``samples`` is mono audio in [-1, 1), float32, shape (num_samples,), and ``rate`` its sample rate in Hz. No
function but ``draw_response`` draws anything: what is random is given as a number, or as the noise itself.

``scipy.signal``, slow to import, is imported where it is needed, because reading a recipe imports this module.
"""

from collections.abc import Sequence

import numpy as np
import soxr

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.pauses import FRAME, find_speech

FULL_SCALE = 32767 / 32768  # the loudest sample of 16 bits
STRETCH = (0.5, 2.0)  # beyond, the library's stretching is random, and not speech any more
INSTALL = "it needs audiomentations: pip install -c constraints.txt 'audiomentations>=0.40' (the extra augment)"
REVERBERATION = (0.2, 0.7)  # s, the time in which a room's echo falls by 60 dB
DIRECT_TO_REVERBERANT = (-2.0, 8.0)  # dB
FIRST_ECHO = (0.002, 0.012)  # s after the direct sound
ROOM_POLE = 0.9  # of the noise of rooms, a first-order low-pass filter of white noise
LEVEL_SECONDS = 0.2  # between two levels of a noise that goes up and down: about a syllable
NOISE_BLOCK = 0.032  # seconds, of noise reduction
NOISE_PERCENTILE = 15  # of a frequency's power over time, taken for its noise
NOISE_BIAS = 6.0  # that percentile of a noise's power lies 7.9 dB below its mean (exponential distribution)
OVER_SUBTRACTION = 2.0  # of Berouti et al. 1979: less musical noise


def change_speed(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Play faster by ``factor``, pitch and all, as Kaldi's speed perturbation does; the length is divided by it."""
    return soxr.resample(samples, rate * factor, rate, quality="HQ")


def change_tempo(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Speak faster by ``factor`` at the same pitch; the length is divided by it. Raises UserError as `shift_pitch`."""
    options = {"min_rate": factor, "max_rate": factor, "leave_length_unchanged": False}
    return _audiomentations("TimeStretch", "tempo", options, samples, rate)


def shift_pitch(samples: np.ndarray, rate: int, semitones: float) -> np.ndarray:
    """Raise the pitch, formants too; the length stays. Raises UserError where audiomentations is not installed."""
    options = {"min_semitones": semitones, "max_semitones": semitones}
    return _audiomentations("PitchShift", "pitch", options, samples, rate)


def _audiomentations(
    transform: str, effect: str, options: dict[str, float], samples: np.ndarray, rate: int
) -> np.ndarray:
    try:
        import audiomentations
    except ImportError as error:
        raise UserError(f"{effect}: {INSTALL}") from error
    change = getattr(audiomentations, transform)(**options, p=1.0)
    return np.asarray(change(np.ascontiguousarray(samples), rate), np.float32)


def change_volume(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Make louder, but never so loud that it clips."""
    return _below_full_scale(samples * np.float32(10 ** (decibels / 20)))


def add_noise(samples: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    """Add noise (num_samples,) so that the power of the utterance is ``snr`` dB above the noise's.

    What would clip is made quieter as a whole. Silence, on either side, has no such level: it is left as it is.
    """
    speech_power, noise_power = (float(np.mean(np.square(each, dtype=np.float64))) for each in (samples, noise))
    if not speech_power or not noise_power:
        return samples
    gain = np.sqrt(speech_power / noise_power) * 10 ** (-snr / 20)
    return _below_full_scale((samples + gain * noise).astype(np.float32))


def mix(sounds: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of sounds (num_samples,), each as loud as the others; digital silence stays silent."""
    powers = [np.mean(np.square(each, dtype=np.float64)) for each in sounds]
    parts = [each / np.sqrt(power) for each, power in zip(sounds, powers, strict=True) if power]
    return np.sum(parts, axis=0) if parts else np.zeros_like(sounds[0])


def place_noise(noise: np.ndarray, rate: int, pole: float, levels: np.ndarray) -> np.ndarray:
    """White noise (num_samples,) as one of a place: low-passed (first order, ``pole``), its level going up and down.

    ``levels`` in dB, one every :data:`LEVEL_SECONDS` from the beginning on, and between them a straight line.
    """
    from scipy.signal import lfilter

    places = np.arange(len(noise)) / (LEVEL_SECONDS * rate)
    gains = 10 ** (np.interp(places, np.arange(len(levels)), levels) / 20)
    coloured: np.ndarray = lfilter([1.0], [1.0, -pole], noise) * gains
    return coloured


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolve with a room's impulse response (taps,) of the same rate; length, loudness and word times stay."""
    from scipy.signal import fftconvolve

    direct = int(np.argmax(np.abs(response)))
    wet = fftconvolve(samples, response)[direct : direct + len(samples)]
    power = np.mean(np.square(wet, dtype=np.float64))
    gain = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / power) if power else 0.0
    return _below_full_scale((gain * wet).astype(np.float32))


def impulse_response(
    rng: np.random.Generator, rate: int, reverberation: float, direct_to_reverberant: float, first_echo: float
) -> np.ndarray:
    """Response of a simulated room, shape (reverberation time in samples,); the direct sound is 1 at sample 0.

    The usual statistical model (Polack 1988): after the first echo's delay, noise that decays exponentially, 60 dB in
    the reverberation time. Times are in seconds; ``direct_to_reverberant`` is a ratio of powers in dB.
    """
    length = round(reverberation * rate)
    time = np.arange(length) / rate  # s
    echo = rng.standard_normal(length) * 10 ** (-3 * time / reverberation)
    echo[: round(first_echo * rate)] = 0.0
    echo *= 10 ** (-direct_to_reverberant / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1.0
    return echo


def draw_response(rng: np.random.Generator, rate: int) -> np.ndarray:
    """The response of a room whose quantities are drawn, each uniform in this module's range."""
    quantities = (float(rng.uniform(*limits)) for limits in (REVERBERATION, DIRECT_TO_REVERBERANT, FIRST_ECHO))
    return impulse_response(rng, rate, *quantities)


def surround(samples: np.ndarray, before: np.ndarray, behind: np.ndarray, decibels: float) -> np.ndarray:
    """Put noise, (n,) each, before and behind an utterance, its power ``decibels`` above the utterance's.

    Its lower frequencies are raised, as in rooms. Beside silence it is silent.
    """
    from scipy.signal import lfilter

    wanted = np.sqrt(np.mean(np.square(samples, dtype=np.float64))) * 10 ** (decibels / 20)
    sides = [lfilter([1.0], [1.0, -ROOM_POLE], noise) if len(noise) else noise for noise in (before, behind)]
    rms = np.sqrt(np.mean(np.square(np.concatenate(sides)))) if any(map(len, sides)) else 0.0
    gain = wanted / rms if rms else 0.0
    before, behind = ((gain * side).astype(np.float32) for side in sides)
    return _below_full_scale(np.concatenate([before, samples, behind]))


def limit_band(samples: np.ndarray, rate: int, lower_rate: int) -> np.ndarray:
    """Resample down and up again, which leaves nothing above half of ``lower_rate``; the length stays."""
    there = soxr.resample(samples, rate, lower_rate, quality="HQ")
    back = soxr.resample(there, lower_rate, rate, quality="HQ")
    return np.pad(back, (0, max(0, len(samples) - len(back))))[: len(samples)]


def shift_time(samples: np.ndarray, rate: int, seconds: float) -> np.ndarray:
    """Let the utterance begin later, after silence; a negative number cuts off its beginning."""
    count = round(abs(seconds) * rate)
    if seconds >= 0:
        return np.concatenate([np.zeros(count, samples.dtype), samples])
    return samples[min(count, len(samples) - 1) :]


def trim_silence(samples: np.ndarray, rate: int, margin: float) -> np.ndarray:
    """Cut what comes before and after the speech, but for ``margin`` seconds of it."""
    loud = np.flatnonzero(find_speech(samples, rate))
    if not len(loud):
        return samples
    start, end = loud[0] * FRAME - margin, (loud[-1] + 1) * FRAME + margin
    return samples[max(0, round(start * rate)) : round(end * rate)]


def reduce_noise(samples: np.ndarray, rate: int, decibels: float) -> np.ndarray:
    """Spectral subtraction (Berouti et al. 1979) of steady noise, by ``decibels`` at most; the length stays.

    A frequency's noise is what its quiet blocks hold. A library would do it too (noisereduce), but imports torch.
    """
    from scipy.signal import istft, stft

    size = min(round(NOISE_BLOCK * rate), len(samples))
    _, _, spectrum = stft(samples, nperseg=size, noverlap=size // 2)  # (frequencies, blocks)
    power = np.abs(spectrum) ** 2
    noise = NOISE_BIAS * np.percentile(power, NOISE_PERCENTILE, axis=1, keepdims=True)
    share = 1 - OVER_SUBTRACTION * noise / np.maximum(power, 1e-20)
    gain = np.sqrt(np.maximum(share, 10 ** (-decibels / 10)))
    _, cleaned = istft(spectrum * gain, nperseg=size, noverlap=size // 2)
    return np.pad(cleaned, (0, max(0, len(samples) - len(cleaned))))[: len(samples)].astype(np.float32)


def _below_full_scale(samples: np.ndarray) -> np.ndarray:
    peak = float(np.abs(samples).max(initial=0.0))
    return samples if peak <= FULL_SCALE else samples * np.float32(FULL_SCALE / peak)
