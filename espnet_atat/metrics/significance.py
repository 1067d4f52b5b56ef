"""Bootstrap intervals and tests: a draw takes as many utterances as there are, with replacement.

Utterances with equal counts form one kind, and all that matters is how often a draw takes each kind. So a draw is a
sample from a multinomial distribution over the kinds, which is equivalent to drawing utterances one by one, and much
faster. Kinds with few members are drawn one by one, which is faster for them.
"""

from typing import NamedTuple

import numpy as np

DRAWS = 10_000
SEED = 20128549  # fixed, so that a score has the same interval whenever it is computed
CONFIDENCE = 0.95
SIGNIFICANT = 0.05  # one system *beats* another at a p-value below this
_RARE = 10  # kinds with fewer members are drawn one by one: about as fast as a multinomial at that size
_CELLS_AT_ONCE = 200_000  # numbers in one batch of draws, which then stays in the processor's cache


class Difference(NamedTuple):
    """Two systems on the same utterances: A's figure minus B's."""

    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None  # two-sided


def resampled_sums(rows: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    """Column sums of each draw, of one row of counts per utterance: (N, C), N > 0, to (draws, C)."""
    kinds, members = np.unique(rows, axis=0, return_counts=True)  # (K, C), (K,)
    common = members >= _RARE
    rare = np.repeat(kinds[~common], members[~common], axis=0)  # (R, C), one row an utterance again
    chances = np.append(members[common], len(rare)) / len(rows)  # the last one: all rare kinds
    generator = np.random.default_rng(SEED)
    at_once = max(1, _CELLS_AT_ONCE // max(len(chances), len(rare)))
    sums = []
    for start in range(0, draws, at_once):
        taken = generator.multinomial(len(rows), chances, size=min(at_once, draws - start))  # (B, common kinds + 1)
        batch = taken[:, :-1] @ kinds[common]  # (B, C)
        sums.append(batch + _sums_of_picks(rare, taken[:, -1], generator) if len(rare) else batch)
    return np.concatenate(sums)


def interval(rows: np.ndarray) -> tuple[float, float] | None:
    """Percentile bootstrap interval of a ratio of sums of (numerator, denominator), (N, 2); None without the latter."""
    if not len(rows):
        return None
    sums = resampled_sums(rows)
    return _ends(_ratios(sums[:, 0], sums[:, 1]))


def paired_difference(a: np.ndarray, b: np.ndarray) -> Difference:
    """Paired bootstrap of a figure's difference between two systems: each draw takes the same utterances of both.

    Args:
        a, b: each utterance's (numerator, denominator) averaged over the system's seeds, shape (N, 2), in one order.

    The p-value is two-sided: twice the share of draws on the other side of zero (or at zero). The observed sample
    counts as one more draw, so that p is never zero. Two systems with equal scores have p = 1.
    """
    rows = np.concatenate([a, b], axis=1)  # (N, 4)
    sums = rows.sum(axis=0)
    if not len(rows) or not sums[1] or not sums[3]:
        return Difference(None, None, None)
    drawn = resampled_sums(rows)
    differences = _ratios(drawn[:, 0], drawn[:, 1]) - _ratios(drawn[:, 2], drawn[:, 3])
    differences = differences[~np.isnan(differences)]
    # Averages over seeds are not exact in floating point: differences this small are zero.
    differences[np.abs(differences) < 1e-12] = 0.0
    tails = (np.sum(differences <= 0), np.sum(differences >= 0))
    p_value = min(1.0, 2 * (int(min(tails)) + 1) / (len(differences) + 1))
    return Difference(float(sums[0] / sums[1] - sums[2] / sums[3]), _ends(differences), p_value)


def _sums_of_picks(rows: np.ndarray, sizes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Column sums of rows picked with replacement, ``sizes[b]`` of them for draw b: (R, C) and (B,) to (B, C)."""
    picks = generator.integers(0, len(rows), size=sizes.sum(), dtype=np.int32)
    sums = np.zeros((len(sizes), rows.shape[1]), dtype=rows.dtype)
    some = sizes > 0  # reduceat does not support empty slices
    starts = (np.cumsum(sizes) - sizes)[some]
    if len(picks):
        for column in range(rows.shape[1]):
            sums[some, column] = np.add.reduceat(rows[:, column][picks], starts)
    return sums


def _ratios(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Quotients, NaN for a draw without a denominator."""
    return np.divide(numerators, denominators, out=np.full(len(numerators), np.nan), where=denominators != 0)


def _ends(values: np.ndarray) -> tuple[float, float] | None:
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    lower, upper = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(lower), float(upper)
