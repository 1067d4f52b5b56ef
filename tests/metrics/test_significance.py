"""The bootstrap: the right distribution, the right pairing, the same answer twice."""

import numpy as np
import pytest

from espnet_atat.metrics.significance import interval, paired_difference, resampled_sums


def shares(right: int, total: int) -> np.ndarray:
    return np.array([[int(number < right), 1] for number in range(total)])


def test_draws_are_distributed_as_drawing_utterances_one_by_one():
    """Mean and covariance of a draw's sums are N·mean and N·covariance of the rows, for kinds common and rare."""
    generator = np.random.default_rng(7)
    errors = np.where(np.arange(400) < 250, 0, generator.integers(0, 6, 400))
    rows = np.stack([errors, np.where(errors == 0, 3, generator.integers(1, 60, 400))], axis=1)
    _, members = np.unique(rows, axis=0, return_counts=True)
    assert members.max() > 100  # both ways of drawing are at work
    assert (members == 1).sum() > 20
    sums = resampled_sums(rows, draws=40_000)
    np.testing.assert_allclose(sums.mean(axis=0), rows.sum(axis=0), rtol=0.005)
    np.testing.assert_allclose(np.cov(sums.T), len(rows) * np.cov(rows.T, bias=True), rtol=0.05)


def test_sums_of_draws_are_whole_and_possible():
    rows = np.array([[0, 1]] * 30 + [[1, 1]] * 2)
    sums = resampled_sums(rows, draws=5_000)
    assert sums.shape == (5_000, 2)
    assert (sums[:, 1] == 32).all()  # every draw takes as many utterances as there are
    assert sums[:, 0].min() == 0
    # P(no draw of the two) = (30/32)^32
    assert np.mean(sums[:, 0] == 0) == pytest.approx((30 / 32) ** 32, abs=0.02)


def test_interval_of_a_share_agrees_with_the_normal_approximation_whatever_the_order():
    rows, half = shares(800, 1000), 1.96 * (0.8 * 0.2 / 1000) ** 0.5
    assert interval(rows) == pytest.approx((0.8 - half, 0.8 + half), abs=0.003)
    assert interval(rows) == interval(rows[::-1]) == interval(rows.copy())


def test_no_uncertainty_and_nothing_to_divide_by():
    assert interval(shares(50, 50)) == interval(shares(1, 1)) == (1.0, 1.0)
    assert interval(np.array([[1, 2]] + [[0, 0]] * 9)) == (0.5, 0.5)  # draws without a denominator are left out
    nothing = np.zeros((3, 2), dtype=int)
    assert interval(nothing) is None
    assert interval(np.empty((0, 2), dtype=int)) is None
    assert paired_difference(nothing, shares(1, 3)) == (None, None, None)


def test_pairing_sees_what_the_intervals_hide():
    """B is right wherever A is, and on 12 of 200 utterances more: single intervals overlap, the difference is sure."""
    a, b = shares(112, 200), shares(100, 200)
    assert interval(a)[0] < interval(b)[1]
    found = paired_difference(a, b)
    assert found.difference == pytest.approx(0.06)
    assert 0 < found.interval[0] < found.interval[1]
    assert found.p_value < 0.01
    # The same two shares, right on different utterances: nothing is shown.
    found = paired_difference(a, shares(100, 200)[::-1])
    assert found.difference == pytest.approx(0.06)
    assert found.interval[0] < 0 < found.interval[1]
    assert found.p_value > 0.2


def test_p_value_of_few_utterances_is_the_share_of_draws_on_the_far_side():
    """One utterance of ten differs: a draw misses it with probability 0.9^10 = 0.349, and then the difference is 0."""
    found = paired_difference(shares(6, 10), shares(5, 10))
    assert found.p_value == pytest.approx(2 * 0.9**10, abs=0.02)


def test_difference_is_antisymmetric():
    a, b = shares(90, 150), shares(70, 150)[::-1]
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one.difference == -other.difference
    assert one.p_value == pytest.approx(other.p_value, abs=0.02)
