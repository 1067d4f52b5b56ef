"""Where speech begins and ends: what is known to be there is found, at any level, whatever is around it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.speech.audio import SAMPLE_RATE, read_audio
from espnet_atat.speech.augmentation.effects import surround
from espnet_atat.speech.endpoints import PAUSE, cut_stretch, find_loud, frame_levels, margins_of, segments_of, tighten
from espnet_atat.speech.fbank import fbank
from tests.spoken import spoken


def syllables(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Noise that rises and falls five times a second, from beginning to end, in the quiet of a good microphone."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    loudness = 0.02 + 0.2 * np.abs(np.sin(5 * np.pi * time)) ** 2
    return (loudness * rng.standard_normal(len(time))).astype(np.float32)


def levels_of(samples: np.ndarray) -> np.ndarray:
    return frame_levels(fbank(samples))


def between(samples: np.ndarray, seconds: float, noise: float, gain: float) -> np.ndarray:
    """Between silence or noise, of other lengths before and behind, at a level, at 16 bits."""
    rng = np.random.default_rng(1)
    sides = (rng.standard_normal(round(share * seconds * SAMPLE_RATE)) for share in (1.0, 0.7))
    heard = surround(samples, *sides, noise) * 10 ** (gain / 20)
    return (np.round(heard * 2**15) / 2**15).astype(np.float32)


@pytest.mark.parametrize("gain", [0, -15, -30])
@pytest.mark.parametrize("noise", [-np.inf, -50, -30, -20])
@pytest.mark.parametrize("seconds", [0.5, 5])
def test_the_ends_of_a_sound_are_found_to_50_ms(seconds, noise, gain):
    heard = between(syllables(), seconds, noise, gain)
    start, end = 100 * seconds, 100 * seconds + 150
    found = find_loud(levels_of(heard))
    assert found[0][0] == pytest.approx(start, abs=5)
    assert found[-1][1] == pytest.approx(end, abs=5)


@pytest.mark.parametrize("noise", [-np.inf, -50, -30])
def test_the_ends_of_speech_are_where_they_are_without_silence_around(noise):
    """Of recordings with silences of their own: within 100 ms, at every level."""
    for one in spoken("music_test", 6):
        samples = read_audio(one.path)
        alone = find_loud(levels_of(samples))
        for gain in (0, -15, -30):
            found = find_loud(levels_of(between(samples, 2, noise, gain)))
            assert found[0][0] - 200 == pytest.approx(alone[0][0], abs=10)
            assert found[-1][1] - 200 == pytest.approx(alone[-1][1], abs=10)


def test_where_nothing_stands_out_nothing_is_found():
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    silence, click = np.zeros((2, 2 * SAMPLE_RATE), np.float32)
    click[16000:16400] = 0.9
    for heard in (noise, noise[:1000], silence, click):
        assert find_loud(levels_of(heard)) == []


def test_a_click_beside_speech_is_no_speech():
    heard = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), syllables(), np.zeros(SAMPLE_RATE, np.float32)])
    heard[3000:3400] = 0.5
    (found,) = find_loud(levels_of(heard))
    assert found[0] == pytest.approx(100, abs=5)


@pytest.mark.parametrize("noise", [-np.inf, -40, -20])
def test_what_a_network_found_roughly_is_tightened_to_the_sound(noise):
    levels = levels_of(between(syllables(), 2, noise, -10))
    (found,) = tighten([(190, 380)], levels)
    assert found == (pytest.approx(200, abs=5), pytest.approx(350, abs=5))
    first, middle, last = tighten([(190, 240), (250, 280), (290, 380)], levels)
    assert (first[1], middle, last[0]) == (240, (250, 280), 290)
    assert (first[0], last[1]) == found


def test_hum_is_not_loud():
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    hum = 0.3 * np.sin(2 * np.pi * 50 * time).astype(np.float32)
    heard = hum.copy()
    heard[8000:24000] += 0.3 * syllables(1.0)
    (found,) = find_loud(levels_of(heard))
    assert found == (pytest.approx(50, abs=5), pytest.approx(150, abs=5))


def test_what_does_not_stand_out_is_left_as_the_network_found_it():
    levels = levels_of(between(syllables(), 2, 6, -10))
    assert tighten([(190, 380)], levels) == [(190, 380)]


def test_more_stays_of_noise_than_of_quiet():
    levels = np.repeat([-60.0, -20.0, -45.0], [100, 100, 100])
    assert margins_of([(100, 200)], levels, 8, 12) == (8, 12)
    assert margins_of([(0, 300)], levels, 8, 12) == (8, 8)


def test_a_recording_is_given_whole_where_it_is_short_or_nothing_was_found():
    assert segments_of([], 500, (20, 20)) == [(0, 500)]
    assert segments_of([(100, 200), (300, 350)], 500, (20, 20)) == [(80, 370)]
    assert segments_of([(5, 490)], 500, (20, 20)) == [(0, 500)]
    assert segments_of([(100, 200), (300, 350)], 500, (20, 20), longest=290) == [(80, 370)]


def test_a_long_recording_is_cut_at_its_pauses():
    speech = [(100, 300), (310, 400), (500, 700), (715, 900)]
    assert segments_of(speech, 1000, (20, 20), longest=500) == [(80, 420), (480, 920)]
    # 400 frames are still too long: the longest pause within, then.
    assert segments_of(speech, 1000, (20, 20), longest=380) == [(80, 420), (480, 707), (707, 920)]
    assert segments_of([(0, 900)], 1000, (0, 0), longest=300) == [(0, 300), (300, 600), (600, 900)]


@given(
    lengths=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 400)), min_size=1, max_size=12),
    after=st.integers(0, 200),
    margin=st.integers(0, 30),
    longest=st.integers(120, 600),
)
def test_segments_hold_all_speech_once_and_none_is_too_long(lengths, after, margin, longest):
    speech, place = [], 0
    for quiet, loud in lengths:
        speech.append((place + quiet + 1, place + quiet + 1 + loud))
        place = speech[-1][1]
    total = place + after
    segments = segments_of(speech, total, (margin, margin), longest)
    covered = np.zeros(total, int)
    for start, end in segments:
        assert 0 <= start < end <= total
        assert end - start <= longest
        covered[start:end] += 1
    assert covered.max() == 1
    assert all(covered[start:end].all() for start, end in speech)
    if len(segments) > 1:
        gaps = [b[0] - a[1] for a, b in itertools.pairwise(speech) if b[0] - a[1] >= PAUSE]
        assert len(segments) >= len(gaps) + 1


def test_audio_and_its_features_are_cut_alike():
    samples = syllables()
    np.testing.assert_allclose(fbank(cut_stretch(samples, (20, 90))), cut_stretch(fbank(samples), (20, 90)), atol=1e-4)
    whole = (0, len(fbank(samples)))
    assert np.array_equal(cut_stretch(samples, whole), samples)
