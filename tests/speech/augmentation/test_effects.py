"""Each effect has the property that its name says, measured on speech or on tones."""

import numpy as np
import pytest

from espnet_atat.speech.alignment.pauses import find_speech
from espnet_atat.speech.audio import read_audio
from espnet_atat.speech.augmentation import effects
from tests.spoken import spoken

RATE = 16_000


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def white(seconds: float, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(1).standard_normal(int(seconds * RATE))).astype(np.float32)


def main_frequency(samples: np.ndarray) -> float:
    """Of the middle half, in Hz."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * len(middle)))
    return float(np.argmax(spectrum)) * RATE / (8 * len(middle))


def power_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def delay(later: np.ndarray, samples: np.ndarray) -> int:
    """Samples by which one signal comes after the other."""
    size = len(later) + len(samples)
    correlation = np.fft.irfft(np.fft.rfft(later, size) * np.conj(np.fft.rfft(samples, size)), size)
    best = int(np.argmax(correlation))
    return best if best < size // 2 else best - size


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_audio(spoken("sentences_train")[0].path)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_changes_duration_and_pitch(factor):
    changed = effects.change_speed(tone(440), RATE, factor)
    assert len(changed) == pytest.approx(RATE / factor, abs=1)
    assert main_frequency(changed) == pytest.approx(440 * factor, rel=0.002)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_tempo_changes_duration_and_leaves_pitch(factor):
    pytest.importorskip("audiomentations", reason="the extra augment is not installed")
    changed = effects.change_tempo(tone(440), RATE, factor)
    assert len(changed) == pytest.approx(RATE / factor, rel=0.001)
    assert main_frequency(changed) == pytest.approx(440, rel=0.005)


@pytest.mark.parametrize("semitones", [-3.0, 2.0])
def test_pitch_changes_pitch_and_leaves_duration(semitones, speech):
    pytest.importorskip("audiomentations", reason="the extra augment is not installed")
    changed = effects.shift_pitch(tone(440), RATE, semitones)
    assert len(changed) == RATE
    assert main_frequency(changed) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.005)
    assert np.array_equal(effects.shift_pitch(speech, RATE, semitones), effects.shift_pitch(speech, RATE, semitones))


def test_volume_changes_the_level_and_never_clips_and_shift_moves_in_time(speech):
    assert power_db(effects.change_volume(tone(440), 6)) - power_db(tone(440)) == pytest.approx(6, abs=0.01)
    assert np.abs(effects.change_volume(tone(440), 30)).max() <= effects.FULL_SCALE
    later = effects.shift_time(speech, RATE, 0.25)
    assert len(later) == len(speech) + 4000
    assert not later[:4000].any()
    assert np.array_equal(later[4000:], speech)
    assert np.array_equal(effects.shift_time(speech, RATE, -0.1), speech[1600:])


@pytest.mark.parametrize("snr", [-5.0, 0.0, 5.0, 20.0])
def test_noise_has_the_ratio_that_was_asked_for(speech, snr):
    noisy = effects.add_noise(speech, white(len(speech) / RATE)[: len(speech)], snr)
    assert not effects.add_noise(np.zeros(1000, np.float32), white(1)[:1000], snr).any()  # over silence it is left out

    # What was added is what the best copy of the clean speech leaves over: a loud mixture is made quieter as a whole.
    gain = np.vdot(speech, noisy) / np.vdot(speech, speech)
    assert power_db(gain * speech) - power_db(noisy - gain * speech) == pytest.approx(snr, abs=0.5)


def test_the_noise_of_a_place_is_low_and_goes_up_and_down():
    noise = white(4)
    levels = np.array([0.0] * 10 + [-20.0] * 11)  # the second half, after 2 s, is 20 dB lower
    found = effects.place_noise(noise, RATE, 0.95, levels)
    first, second = found[: 2 * RATE - 4000], found[2 * RATE :]
    assert power_db(first) - power_db(second) == pytest.approx(20, abs=1)
    low = effects.limit_band(first, RATE, 2000)
    assert power_db(low) == pytest.approx(power_db(first), abs=1)  # most is below 1 kHz
    assert np.array_equal(effects.place_noise(noise, RATE, 0.0, np.zeros(2)), noise)


def test_reverberation_adds_echoes_and_keeps_time_length_and_level(speech):
    response = np.zeros(8000)
    response[[400, 2000, 5200]] = 1.0, 0.5, 0.25  # the direct sound 25 ms late, echoes 100 and 300 ms behind it
    wet = effects.reverberate(speech, response)
    assert len(wet) == len(speech)
    assert delay(wet, speech) == 0
    assert power_db(wet) == pytest.approx(power_db(speech), abs=0.1)
    gain = wet[:1600] @ speech[:1600] / (speech[:1600] @ speech[:1600])  # before the first echo
    assert np.allclose(wet[:1600], gain * speech[:1600], atol=1e-5)
    echoed = speech.copy()
    echoed[1600:] += 0.5 * speech[:-1600]
    echoed[4800:] += 0.25 * speech[:-4800]
    assert np.allclose(wet, gain * echoed, atol=1e-4)


def test_resampling_removes_what_the_other_rate_cannot_hold():
    noise = white(2)
    changed = effects.limit_band(noise, RATE, 8000)
    assert len(changed) == len(noise)

    def band(samples: np.ndarray, low: int, high: int) -> float:
        return power_db(np.fft.irfft(np.fft.rfft(samples)[low * 2 : high * 2]))  # 2 s: half a hertz a bin

    assert band(changed, 100, 3500) == pytest.approx(band(noise, 100, 3500), abs=0.1)
    assert band(changed, 4500, 7900) < band(noise, 4500, 7900) - 50


def test_an_utterance_between_silence_and_noise_is_the_utterance(speech):
    before, behind = white(0.5), white(0.25)
    heard = effects.surround(speech, before, behind, -20)
    place = slice(len(before), len(before) + len(speech))
    assert len(heard) == len(before) + len(speech) + len(behind)
    assert np.array_equal(heard[place], speech)
    for noise in (heard[: len(before)], heard[place.stop :]):
        assert power_db(noise) == pytest.approx(power_db(speech) - 20, abs=1.5)
    silent = effects.surround(speech, before, behind, -np.inf)
    assert not silent[: len(before)].any()
    assert np.array_equal(silent[place], speech)
    assert not effects.surround(np.zeros(100, np.float32), before, behind, 0).any()


def test_trimming_leaves_the_speech_and_the_margin(speech):
    rest = white(1.5, 1e-4)
    padded = np.concatenate([rest, speech, rest])
    trimmed = effects.trim_silence(padded, RATE, 0.1)
    loud = np.flatnonzero(find_speech(padded, RATE)) * 160
    assert len(trimmed) == pytest.approx(loud[-1] - loud[0] + 160 + 2 * 1600, abs=2)
    assert delay(padded, trimmed) == pytest.approx(loud[0] - 1600, abs=1)
    left, whole = (power_db(samples) + 10 * np.log10(len(samples)) for samples in (trimmed, padded))
    assert left == pytest.approx(whole, abs=0.1)  # no energy was cut away


def test_noise_reduction_raises_the_ratio_and_keeps_the_speech(speech):
    noise = white(len(speech) / RATE)[: len(speech)]
    noisy = effects.add_noise(speech, noise, 5)
    cleaned = effects.reduce_noise(noisy, RATE, 15)
    assert len(cleaned) == len(speech)

    def ratio(samples: np.ndarray) -> float:
        gain = np.vdot(speech, samples) / np.vdot(speech, speech)
        return power_db(gain * speech) - power_db(samples - gain * speech)

    assert ratio(cleaned) > ratio(noisy) + 4
    assert np.abs(effects.reduce_noise(tone(440), RATE, 0) - tone(440)).max() < 1e-3
