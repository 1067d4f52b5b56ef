"""Augmentation of log mel features: what each option changes, measured."""

import numpy as np
import pytest

from espnet_atat.data.feature_augmentation import DIGITAL_SILENCE, FeatureAugmentation, interpolate

RNG = np.random.default_rng(0)
FEATS = RNG.normal(size=(200, 80)).astype(np.float32)


def apply(seed: int = 0, feats: np.ndarray = FEATS, **options: float) -> np.ndarray:
    return FeatureAugmentation(**options)(feats, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "options", [{"stretch": 0.1}, {"mel_warp": 0.1}, {"tilt": 1.0}, {"noise": 3.0}, {"silence": 1.0}, {"level": 30}]
)
def test_the_generator_alone_decides(options):
    before = FEATS.copy()
    assert np.array_equal(apply(), before), "off by default"
    assert np.array_equal(apply(5, **options), apply(5, **options))
    assert any(not np.array_equal(apply(seed, **options), FEATS) for seed in range(5))
    assert np.array_equal(FEATS, before), "the caller's array was changed"
    assert apply(5, **options).dtype == np.float32


def test_stretch_changes_the_duration_within_its_share_and_shortens_nothing_that_is_short():
    lengths = [len(apply(seed, stretch=0.1)) for seed in range(200)]
    assert 180 <= min(lengths) <= 184
    assert 216 <= max(lengths) <= 220
    assert np.mean(lengths) == pytest.approx(200, abs=2.5)
    assert {len(apply(seed, FEATS[:8], stretch=0.1)) for seed in range(50)} == {8, 9}
    assert min(len(apply(seed, FEATS[:17], stretch=0.2)) for seed in range(50)) == 16


def test_mel_warp_moves_formants_by_up_to_its_share():
    peak = np.exp(-0.5 * ((np.arange(80) - 60) / 2.0) ** 2)[None].repeat(10, axis=0)
    places = [int(apply(seed, feats=peak, mel_warp=0.1)[0].argmax()) for seed in range(100)]
    centre, offset = 39.5, 60 - 39.5
    assert min(places) >= centre + offset / 1.1 - 1
    assert max(places) <= centre + offset / 0.9 + 1
    assert len(set(places)) >= 4


def test_tilt_adds_one_line_over_the_mel_axis():
    change = apply(3, tilt=2.0) - FEATS
    assert np.allclose(change, change[0], atol=1e-5)  # every frame alike
    assert np.allclose(np.diff(change[0]), np.diff(change[0])[0], atol=1e-5)  # a straight line
    assert change[0].mean() == pytest.approx(0, abs=1e-5)
    ranges = [np.ptp((apply(seed, tilt=2.0) - FEATS)[0]) for seed in range(100)]
    assert 1.5 < max(ranges) <= 2.0


def test_noise_raises_quiet_places_of_half_the_utterances():
    speech = np.where(np.arange(200)[:, None] % 20 < 10, 5.0, -35.0).repeat(80, axis=1)  # its mean is -15
    noisy = [apply(seed, feats=speech, noise=3.0) for seed in range(200)]
    changed = [feats for feats in noisy if not np.allclose(feats, speech)]
    assert len(changed) == pytest.approx(100, abs=30)
    for feats in changed:
        assert (feats >= speech - 1e-4).all()  # power is added, never taken away
        assert np.median(feats[10:20] - speech[10:20]) > 1.0  # pauses fill up
        assert np.median(np.abs(feats[:10] - speech[:10])) < 0.1  # speech stays


def test_silence_of_random_length_is_put_around_half_of_the_utterances():
    """Of three kinds; the utterance lies between, and only noise, which is in a room all the time, is in it too."""
    speech = np.where(np.arange(200)[:, None] % 20 < 10, 8.0, -6.0).repeat(80, axis=1).astype(np.float32)
    longer = [found for seed in range(300) if len(found := apply(seed, feats=speech, silence=1.5)) != len(speech)]
    assert len(longer) == pytest.approx(150, abs=30)
    assert max(map(len, longer)) > 420
    assert all(len(found) <= 500 for found in longer)
    kinds = {"digital": 0, "own": 0, "noise": 0}
    for found in longer:
        place = int(np.argmax(found[:, 0] > 7))  # the first loud frame
        inside = found[place : place + 200]
        assert place <= 150
        assert np.abs(inside[speech[:, 0] > 0] - 8).max() < 3, "speech stays above what is put around it"
        around = np.concatenate([found[:place], found[place + 200 :]])
        if (around == DIGITAL_SILENCE).all():
            kinds["digital"] += 1
        elif (around == -6.0).all():
            kinds["own"] += 1
        else:
            kinds["noise"] += 1
            assert around.std(axis=0).max() < 1.0, "steady"
            assert (inside >= speech - 1e-4).all()
            continue
        assert np.array_equal(inside, speech)
    assert min(kinds.values()) > 25, kinds


def test_level_makes_quieter_down_to_digital_silence():
    changes = [apply(seed, level=30) - FEATS for seed in range(100)]
    assert all(np.allclose(change, change[0, 0], atol=1e-5) for change in changes)
    decibels = [-10 * change[0, 0] / np.log(10) for change in changes]
    assert 0 <= min(decibels) < 2
    assert 28 < max(decibels) <= 30
    assert apply(feats=FEATS - 15, level=30).min() == pytest.approx(DIGITAL_SILENCE)


def test_one_frame_survives_everything():
    options = {"stretch": 0.5, "mel_warp": 0.1, "tilt": 1.0, "noise": 3.0, "level": 30.0}
    feats = apply(feats=FEATS[:1], **options)
    assert feats.shape == (1, 80)
    assert np.isfinite(feats).all()
    assert all(np.isfinite(apply(seed, feats=FEATS[:1], silence=0.1, **options)).all() for seed in range(20))


def test_interpolation_is_linear_and_exact_on_rows():
    assert interpolate(FEATS, np.array([0.5, 1.25])).dtype == FEATS.dtype
    rows = np.array([[0.0, 10.0], [2.0, 20.0], [6.0, 0.0]])
    assert np.array_equal(interpolate(rows, np.array([0.0, 1.0, 2.0])), rows)
    assert np.allclose(interpolate(rows, np.array([0.5, 1.25])), [[1.0, 15.0], [3.0, 15.0]])
