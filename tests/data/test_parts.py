"""Cutting a batch by length."""

from itertools import accumulate, combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_atat.data import parts
from espnet_atat.data.parts import cut_by_length, padded_sizes

LENGTHS = st.lists(st.integers(1, 1650), min_size=1, max_size=8)


def padded_size(lengths: list[int], max_parts: int) -> int:
    """With the padding of the parts that it is cut into."""
    ordered, rows = sorted(lengths, reverse=True), cut_by_length(lengths, max_parts)
    return sum(number * ordered[start] for number, start in zip(rows, accumulate([0, *rows]), strict=False))


def by_trial(lengths: list[int], max_parts: int) -> int:
    """The least padded size of all ways to cut."""
    ordered = sorted(lengths, reverse=True)
    least = []
    for number in range(min(max_parts, len(ordered))):
        for cuts in combinations(range(1, len(ordered)), number):
            bounds = [0, *cuts, len(ordered)]
            least.append(sum(ordered[a] * (b - a) for a, b in pairwise(bounds)))
    return min(least)


@settings(deadline=None)
@given(lengths=LENGTHS, max_parts=st.integers(1, 4))
def test_no_other_cut_pads_less(lengths, max_parts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ENOUGH", 0.0)
        assert padded_size(lengths, max_parts) == by_trial(lengths, max_parts)


@settings(deadline=None)
@given(batches=st.lists(LENGTHS, min_size=1, max_size=5), max_parts=st.integers(1, 4))
def test_many_batches_at_once_are_as_each_by_itself(batches, max_parts):
    table = np.zeros((len(batches), 8), int)
    for row, lengths in zip(table, batches, strict=True):
        row[: len(lengths)] = sorted(lengths, reverse=True)
    sizes = padded_sizes(table, np.array(list(map(len, batches))), max_parts)
    assert sizes.tolist() == [padded_size(lengths, max_parts) for lengths in batches]
    assert all(sum(cut_by_length(lengths, max_parts)) == len(lengths) for lengths in batches)


def test_there_are_no_more_parts_than_padding_is_worth():
    assert cut_by_length([1500, 1490, 1480, 300, 290], 4) == [3, 2]
    assert cut_by_length([300, 299, 298, 297], 4) == [4]
    assert cut_by_length([1000, 500, 250, 125], 2) == [1, 3]
    assert cut_by_length([], 4) == []


def test_a_part_that_costs_something_must_save_more() -> None:
    lengths = [1500, 1490, 1480, 300, 290]  # padded: 7500, in two parts 5100, in three 5080
    assert cut_by_length(lengths, 4, part_cost=10) == [1, 2, 2]
    assert cut_by_length(lengths, 4, part_cost=2000) == [3, 2]
    assert cut_by_length(lengths, 4, part_cost=2500) == [5]
    assert cut_by_length([], 4, part_cost=10) == []
