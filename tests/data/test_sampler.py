"""Mixed batches: drawn by weight, within the budget, shared fairly between processes."""

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_atat.data.sampler import Batch, Budget, Group, MixedBatchSampler, single_task_batches
from espnet_atat.errors import UserError

BUDGET = Budget(frames=6000, pieces=1500)


def make_groups(sizes: dict[str, int], weights: dict[str, float] | None = None, seed: int = 0) -> dict[str, Group]:
    """Groups of random lengths: audio of 80 to 500 frames, text of 4 to 14 pieces."""
    rng = np.random.default_rng(seed)
    groups = {}
    for name, size in sizes.items():
        modality, low, high = ("text_in", 4, 14) if name.startswith("nlu") else ("speech", 80, 500)
        lengths = {f"{name}-{i:05d}": int(n) for i, n in enumerate(rng.integers(low, high + 1, size))}
        groups[name] = Group(modality, (weights or sizes)[name], lengths)
    return groups


#: The sizes of a small recipe: 1500 audio examples, 6000 texts.
REALISTIC = make_groups({"slu-music": 700, "asr-sentences": 500, "mlm-sentences": 300, "nlu-music": 6000})
SMALL = make_groups({"slu-a": 30, "asr-b": 20, "nlu-c": 60})


def group_of(utt_id: str) -> str:
    return utt_id.rpartition("-")[0]


def length_of(groups: dict[str, Group], utt_id: str) -> int:
    return groups[group_of(utt_id)].lengths[utt_id]


def rows_of(groups: dict[str, Group], batch: Batch, modality: str) -> list[str]:
    return [utt_id for utt_id in batch if groups[group_of(utt_id)].modality == modality]


def padded_size(groups: dict[str, Group], rows: list[str]) -> int:
    return max((length_of(groups, utt_id) for utt_id in rows), default=0) * len(rows)


def drawn(batches: list[Batch]) -> Counter[str]:
    return Counter(group_of(utt_id) for batch in batches for utt_id in batch)


@pytest.mark.parametrize("weights", [None, {"slu-a": 3.0, "asr-b": 1.0, "nlu-c": 2.0}])
def test_an_epoch_draws_each_group_by_its_weight_to_one_example(weights: dict[str, float] | None) -> None:
    groups = make_groups({"slu-a": 30, "asr-b": 20, "nlu-c": 60}, weights)
    total_weight = sum(group.weight for group in groups.values())
    for seed in range(5):
        counts = drawn(MixedBatchSampler(groups, BUDGET).generate(seed))
        for name, group in groups.items():
            assert abs(counts[name] - 110 * group.weight / total_weight) < 1, name


def test_a_small_share_is_right_on_average() -> None:
    groups = make_groups({"slu-a": 99, "asr-b": 1}, {"slu-a": 399.0, "asr-b": 1.0})
    sampler = MixedBatchSampler(groups, BUDGET)
    counts = [drawn(sampler.generate(seed))["asr-b"] for seed in range(200)]
    assert set(counts) == {0, 1}
    assert np.mean(counts) == pytest.approx(100 / 400, abs=0.1)  # three standard errors


def test_a_fixed_number_of_batches_keeps_the_shares_on_average() -> None:
    weights = {"slu-a": 3.0, "asr-b": 1.0, "nlu-c": 2.0}
    groups = make_groups({"slu-a": 300, "asr-b": 200, "nlu-c": 600}, weights)
    sampler = MixedBatchSampler(groups, BUDGET, batches=10)
    counts = sum((drawn(sampler.generate(seed)) for seed in range(30)), Counter())
    for name, weight in weights.items():
        assert counts[name] / counts.total() == pytest.approx(weight / 6, abs=0.03), name


def test_without_weights_an_epoch_sees_every_example_once() -> None:
    sampler = MixedBatchSampler(SMALL, BUDGET)
    seen = Counter(utt_id for batch in sampler.generate(3) for utt_id in batch)
    assert set(seen.values()) == {1}
    assert set(seen) == {utt_id for group in SMALL.values() for utt_id in group.lengths}


def test_a_group_drawn_more_often_than_it_is_large_repeats_evenly() -> None:
    groups = make_groups({"slu-a": 10, "nlu-c": 90}, {"slu-a": 1.0, "nlu-c": 1.0})
    seen = Counter(utt_id for batch in MixedBatchSampler(groups, BUDGET).generate(0) for utt_id in batch)
    assert {seen[utt_id] for utt_id in groups["slu-a"].lengths} == {5}


def test_an_epoch_is_a_pure_function_of_its_seed() -> None:
    one, other = MixedBatchSampler(SMALL, BUDGET), MixedBatchSampler(SMALL, BUDGET)
    one.generate(7)
    assert one.generate(8) == other.generate(8)
    assert one.generate(8) != one.generate(9)
    reordered = {name: Group(g.modality, g.weight, dict(reversed(g.lengths.items()))) for name, g in SMALL.items()}
    assert MixedBatchSampler(dict(reversed(reordered.items())), BUDGET).generate(8) == one.generate(8)


@pytest.mark.parametrize("batches", [1, 3, 200])
@pytest.mark.parametrize("world_size", [1, 2])
def test_an_epoch_has_exactly_the_batches_asked_for(batches: int, world_size: int) -> None:
    sampler = MixedBatchSampler(SMALL, BUDGET, batches, world_size=world_size)
    assert len(sampler) == batches
    assert len(sampler.generate(0)) == batches


def test_batch_mates_change_between_epochs() -> None:
    groups = make_groups({"slu-a": 200})
    sampler = MixedBatchSampler(groups, BUDGET)
    mates = [{frozenset(pair) for batch in sampler.generate(seed) for pair in pairwise(batch)} for seed in (1, 2)]
    assert len(mates[0] & mates[1]) < 0.2 * len(mates[0])


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.fixed_dictionaries(
        {"slu-a": st.integers(2, 40), "asr-b": st.integers(2, 20), "nlu-c": st.integers(2, 80)}
    ),
    weights=st.fixed_dictionaries({name: st.floats(0.1, 10) for name in ("slu-a", "asr-b", "nlu-c")}),
    frames=st.integers(1000, 20000),
    pieces=st.integers(28, 500),
    world_size=st.sampled_from([1, 2]),
    batches=st.none() | st.integers(1, 30),
    seed=st.integers(0, 100),
)
def test_budgets_hold_padding_included_and_ranks_share_nothing(
    sizes: dict[str, int],
    weights: dict[str, float],
    frames: int,
    pieces: int,
    world_size: int,
    batches: int | None,
    seed: int,
) -> None:
    groups = make_groups(sizes, weights, seed)
    budget = Budget(frames, pieces)
    ranks = [
        MixedBatchSampler(groups, budget, batches, rank=rank, world_size=world_size).generate(seed)
        for rank in range(world_size)
    ]
    for parts in zip(*ranks, strict=True):
        whole = sum(parts, ())
        for modality, limit in (("speech", frames), ("text_in", pieces)):
            assert padded_size(groups, rows_of(groups, whole, modality)) <= limit
            # Every rank has as many rows of a modality, so either all ranks see it or none.
            assert len({len(rows_of(groups, part, modality)) for part in parts}) == 1
        for part in parts:
            assert list(part) == [*rows_of(groups, part, "speech"), *rows_of(groups, part, "text_in")]
            assert part, "an empty batch"


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_no_example_and_together_see_the_epoch(world_size: int) -> None:
    ranks = [
        MixedBatchSampler(SMALL, BUDGET, rank=rank, world_size=world_size).generate(5) for rank in range(world_size)
    ]
    seen = Counter(utt_id for rank in ranks for batch in rank for utt_id in batch)
    assert set(seen.values()) == {1}
    # What does not give every rank a row is left out: less than one row a rank of either modality.
    assert 110 - 2 * (world_size - 1) <= seen.total() <= 110


@pytest.mark.parametrize("world_size", [1, 2])
def test_every_rank_sees_both_modalities_in_every_batch(world_size: int) -> None:
    for rank in range(world_size):
        for batch in MixedBatchSampler(REALISTIC, BUDGET, rank=rank, world_size=world_size).generate(1):
            assert rows_of(REALISTIC, batch, "speech")
            assert rows_of(REALISTIC, batch, "text_in")


@pytest.mark.parametrize("world_size", [1, 2])
def test_realistic_lengths_waste_less_than_a_tenth(world_size: int) -> None:
    for rank, budget in product(range(world_size), (BUDGET, Budget(12000, 4000))):
        sampler = MixedBatchSampler(REALISTIC, budget, rank=rank, world_size=world_size)
        epoch = sampler.generate(1)
        waste = sampler.padding(epoch)
        for modality, share in waste.items():
            used = sum(length_of(REALISTIC, u) for batch in epoch for u in rows_of(REALISTIC, batch, modality))
            filled = sum(padded_size(REALISTIC, rows_of(REALISTIC, batch, modality)) for batch in epoch)
            assert share == pytest.approx(1 - used / filled)
            assert share < 0.1, (modality, budget)


def test_the_rarer_modality_is_spread_evenly_over_the_batches() -> None:
    groups = make_groups({"slu-a": 400, "nlu-c": 400})  # audio alone sets the number of batches
    epoch = MixedBatchSampler(groups, Budget(6000, 100_000)).generate(0)
    sizes = [padded_size(groups, rows_of(groups, batch, "text_in")) for batch in epoch]
    assert max(sizes) < 2 * np.mean(sizes)


def test_far_fewer_texts_than_batches_are_one_a_batch() -> None:
    groups = make_groups({"asr": 3000, "nlu": 40})
    batches = MixedBatchSampler(groups, Budget(4000, 1000)).generate(1)
    texts = [len(rows_of(groups, batch, "text_in")) for batch in batches]
    assert sum(texts) == 40
    assert max(texts) == 1
    assert len(batches) > 100


def test_a_mixture_of_one_modality_makes_batches_of_it_alone() -> None:
    for name in ("slu-a", "nlu-c"):
        epoch = MixedBatchSampler({name: SMALL[name]}, BUDGET).generate(0)
        assert drawn(epoch) == {name: len(SMALL[name].lengths)}


def test_an_example_over_the_budget_is_named() -> None:
    groups = {"slu-a": Group("speech", 1, {"slu-a-1": 100, "slu-a-2": 900})}
    with pytest.raises(UserError, match=r"slu-a-2 has 900 of the 800 frames \(batch_bins\) of a batch for 1 process"):
        MixedBatchSampler(groups, Budget(800, 100))
    with pytest.raises(UserError, match=r"slu-a-2 has 900 of the 1000 frames \(batch_bins\) of a batch for 2 process"):
        MixedBatchSampler(groups, Budget(1000, 100), world_size=2)
    text = {"nlu-c": Group("text_in", 1, {"nlu-c-1": 30})}
    with pytest.raises(UserError, match=r"30 of the 20 pieces \(text_batch_bins\)"):
        MixedBatchSampler(text, Budget(800, 20))


def test_an_empty_group_is_named() -> None:
    with pytest.raises(UserError, match="the group slu-a of the mixture has no examples"):
        MixedBatchSampler({"slu-a": Group("speech", 1, {})}, BUDGET)
    with pytest.raises(UserError, match="the mixture has no examples"):
        MixedBatchSampler({}, BUDGET)


def test_fewer_examples_than_processes_is_an_error_and_no_endless_loop() -> None:
    one = {"slu-a": Group("speech", 1, {"slu-a-1": 100})}
    with pytest.raises(UserError, match=r"1 example\(s\) do not make a batch for 2 processes"):
        MixedBatchSampler(one, BUDGET, batches=3, world_size=2).generate(0)


def test_single_task_batches_hold_one_group_each_within_the_budget() -> None:
    batches = single_task_batches(SMALL, BUDGET)
    assert all(len({group_of(utt_id) for utt_id in batch}) == 1 for batch in batches)
    assert Counter(utt_id for batch in batches for utt_id in batch) == Counter(
        utt_id for group in SMALL.values() for utt_id in group.lengths
    )
    for batch in batches:
        limit = BUDGET.frames if SMALL[group_of(batch[0])].modality == "speech" else BUDGET.pieces
        assert padded_size(SMALL, list(batch)) <= limit


@pytest.mark.parametrize("world_size", [2, 3])
def test_single_task_batches_are_as_many_on_every_rank(world_size: int) -> None:
    groups = {**SMALL, "mlm-d": Group("speech", 1, {"mlm-d-1": 100})}  # fewer examples than ranks
    ranks = [single_task_batches(groups, BUDGET, rank, world_size) for rank in range(world_size)]
    assert len({len(rank) for rank in ranks}) == 1
    assert all(batch for rank in ranks for batch in rank)
    for parts in zip(*ranks, strict=True):
        assert len({group_of(utt_id) for part in parts for utt_id in part}) == 1
    seen = Counter(utt_id for rank in ranks for batch in rank for utt_id in batch)
    assert set(seen) == {utt_id for group in groups.values() for utt_id in group.lengths}
    assert {utt_id for utt_id, count in seen.items() if count > 1} == {"mlm-d-1"}
