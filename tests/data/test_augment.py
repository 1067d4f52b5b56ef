"""Augmentation of log mel features: what each option changes, measured."""

import numpy as np
import pytest

from espnet_atat.data.augment import FeatureAugmentation, interpolate

RNG = np.random.default_rng(0)
FEATS = RNG.normal(size=(200, 80)).astype(np.float32)


def apply(seed: int = 0, feats: np.ndarray = FEATS, **options: float) -> np.ndarray:
    return FeatureAugmentation(**options)(feats, np.random.default_rng(seed))


@pytest.mark.parametrize("options", [{"stretch": 0.1}, {"mel_warp": 0.1}, {"tilt": 1.0}, {"noise": 3.0}])
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


def test_one_frame_survives_everything():
    feats = apply(feats=FEATS[:1], stretch=0.5, mel_warp=0.1, tilt=1.0, noise=3.0)
    assert feats.shape == (1, 80)
    assert np.isfinite(feats).all()


def test_interpolation_is_linear_and_exact_on_rows():
    assert interpolate(FEATS, np.array([0.5, 1.25])).dtype == FEATS.dtype
    rows = np.array([[0.0, 10.0], [2.0, 20.0], [6.0, 0.0]])
    assert np.array_equal(interpolate(rows, np.array([0.0, 1.0, 2.0])), rows)
    assert np.allclose(interpolate(rows, np.array([0.5, 1.25])), [[1.0, 15.0], [3.0, 15.0]])
