"""Pauses are cut from words, closures are not; sound beside words is taken in."""

import numpy as np
import pytest

from espnet_atat.speech.alignment.pauses import find_speech, fit_words, trim_pauses

SPEECH = np.ones(100, bool)


def with_pause(*spans: tuple[int, int]) -> np.ndarray:
    speech = SPEECH.copy()
    for start, end in spans:
        speech[start:end] = False
    return speech


@pytest.mark.parametrize(
    ("end", "pauses", "expected"),
    [
        (60, [], (20, 60)),
        (60, [(40, 60)], (20, 42)),  # at an edge it is cut to the margin
        (60, [(20, 35)], (33, 60)),
        (60, [(20, 24), (40, 50), (56, 60)], (20, 60)),  # closures stay
        (90, [(45, 85)], (20, 47)),  # of two parts the longer is kept
        (90, [(25, 60)], (58, 90)),
        (60, [(0, 100)], None),
    ],
)
def test_pauses_are_cut_from_words(end, pauses, expected):
    assert trim_pauses(20, end, with_pause(*pauses)) == expected


def test_words_take_the_sound_that_goes_on_into_a_gap_but_not_each_other():
    speech = with_pause((0, 18), (45, 48), (80, 100))
    # Until it is quiet; until the next word; as far as the limits.
    assert fit_words([(20, 40), (50, 60), (65, 75)], speech) == [(18, 45), (48, 65), (65, 80)]
    assert fit_words([(50, 60)], SPEECH) == [(40, 80)]
    assert fit_words([(20, 40), (82, 95)], speech) == [(18, 45), None]
    assert fit_words([(20, 60)], with_pause((40, 60))) == [(10, 42)]  # one that was cut does not grow there


def test_speech_is_found_in_noise_and_beside_digital_silence():
    rng = np.random.default_rng(0)
    for background in (0.0, 1e-4, 0.01):
        samples = background * rng.standard_normal(16_000 * 2)
        samples[8_000:20_000] += 0.2 * rng.standard_normal(12_000)
        speech = find_speech(samples + 0.05, 16_000)
        assert speech.shape == (200,)
        assert speech[50:125].all()
        assert not speech[:50].any()
        assert not speech[125:].any()
