"""Mixed batches: drawn by weight, within the budget, alike for all processes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_atat.data.epoch_plan import Batch, Budget, Group, Planner
from espnet_atat.data.parts import padded_sizes
from espnet_atat.data.sampler import MixedBatchSampler, single_task_batches
from espnet_atat.errors import UserError

BUDGET = Budget(frames=6000, pieces=1500)


def make_groups(sizes: dict[str, int], weights: dict[str, float] | None = None, seed: int = 0) -> dict[str, Group]:
    """Groups of random lengths: audio of 80 to 500 frames, text of 4 to 14 pieces."""
    rng = np.random.default_rng(seed)
    groups = {}
    for name, size in sizes.items():
        modality, low, high = ("text_in", 4, 14) if name.startswith("nlu") else ("speech", 80, 500)
        ids = [f"{name}-{i:05d}" for i in range(size)]
        groups[name] = Group(modality, (weights or sizes)[name], ids, rng.integers(low, high + 1, size))
    return groups


def group(modality: str, lengths: dict[str, int]) -> Group:
    return Group(modality, 1, list(lengths), np.array(list(lengths.values())))


SMALL = make_groups({"slu-a": 30, "asr-b": 20, "nlu-c": 60})


def make_long_and_short() -> dict[str, Group]:
    """Sentences of 2 to 16.5 s for two tasks, commands of 0.8 to 8 s, and texts: a thousandth of the paper's size."""
    rng = np.random.default_rng(0)
    sentences = np.where(rng.random(280) < 0.7, rng.normal(1420, 120, 280), rng.uniform(200, 1200, 280)).clip(200, 1650)
    lengths = {"asr-books": sentences, "mlm-books": sentences, "nlu-texts": 4 + rng.poisson(8, 2840)}
    lengths["slu-commands"] = rng.lognormal(np.log(255), 0.33, 3000).clip(80, 800)
    return {
        name: Group(
            "text_in" if name.startswith("nlu") else "speech",
            len(of_group),
            [f"{name}-{i:05d}" for i in range(len(of_group))],
            of_group.astype(np.int32),
        )
        for name, of_group in lengths.items()
    }


LONG_AND_SHORT = make_long_and_short()


def mixed(groups, budget, batches=None, rank=0, **options) -> MixedBatchSampler:
    return MixedBatchSampler(Planner(groups, budget, batches, **options), rank)


def epochs(groups, budget, world_size, batches=None, max_parts=1, seed=1) -> list[Sequence[Batch]]:
    """An epoch of every rank."""
    ranks = range(world_size)
    return [mixed(groups, budget, batches, n, world_size=world_size, max_parts=max_parts).generate(seed) for n in ranks]


def group_of(utt_id: str) -> str:
    return utt_id.rpartition("-")[0]


def length_of(groups: dict[str, Group], utt_id: str) -> int:
    return int(groups[group_of(utt_id)].lengths[int(utt_id.rpartition("-")[2])])


def rows_of(groups: dict[str, Group], batch: Batch, modality: str) -> list[str]:
    return [utt_id for utt_id in batch if groups[group_of(utt_id)].modality == modality]


def padded_size(groups: dict[str, Group], rows: list[str]) -> int:
    return max((length_of(groups, utt_id) for utt_id in rows), default=0) * len(rows)


def drawn(batches: Iterable[Batch]) -> Counter[str]:
    return Counter(group_of(utt_id) for batch in batches for utt_id in batch)


@pytest.mark.parametrize("weights", [None, {"slu-a": 3.0, "asr-b": 1.0, "nlu-c": 2.0}])
def test_an_epoch_draws_each_group_by_its_weight_to_one_example(weights):
    groups = make_groups({"slu-a": 30, "asr-b": 20, "nlu-c": 60}, weights)
    total_weight = sum(group.weight for group in groups.values())
    for seed in range(5):
        counts = drawn(mixed(groups, BUDGET).generate(seed))
        for name, group in groups.items():
            assert abs(counts[name] - 110 * group.weight / total_weight) < 1, name


def test_a_small_share_is_right_on_average():
    groups = make_groups({"slu-a": 99, "asr-b": 1}, {"slu-a": 399.0, "asr-b": 1.0})
    sampler = mixed(groups, BUDGET)
    counts = [drawn(sampler.generate(seed))["asr-b"] for seed in range(200)]
    assert set(counts) == {0, 1}
    assert np.mean(counts) == pytest.approx(100 / 400, abs=0.1)  # three standard errors


def test_a_fixed_number_of_batches_keeps_the_shares_on_average():
    weights = {"slu-a": 3.0, "asr-b": 1.0, "nlu-c": 2.0}
    groups = make_groups({"slu-a": 300, "asr-b": 200, "nlu-c": 600}, weights)
    sampler = mixed(groups, BUDGET, batches=10)
    counts = sum((drawn(sampler.generate(seed)) for seed in range(30)), Counter())
    for name, weight in weights.items():
        assert counts[name] / counts.total() == pytest.approx(weight / 6, abs=0.03), name


def test_a_group_drawn_more_often_than_it_is_large_repeats_evenly():
    groups = make_groups({"slu-a": 10, "nlu-c": 90}, {"slu-a": 1.0, "nlu-c": 1.0})
    seen = Counter(utt_id for batch in mixed(groups, BUDGET).generate(0) for utt_id in batch)
    assert {seen[utt_id] for utt_id in groups["slu-a"].ids} == {5}


def test_an_epoch_is_a_pure_function_of_its_seed():
    one, other = mixed(SMALL, BUDGET), mixed(dict(reversed(SMALL.items())), BUDGET)
    one.generate(7)
    assert list(one.generate(8)) == list(other.generate(8))
    assert list(one.generate(8)) != list(one.generate(9))
    assert list(one.generate(-1)) == list(other.generate(-1))


def test_batch_mates_change_between_epochs():
    groups = make_groups({"slu-a": 200})
    sampler = mixed(groups, BUDGET)
    mates = [{frozenset(pair) for batch in sampler.generate(seed) for pair in pairwise(batch)} for seed in (1, 2)]
    assert len(mates[0] & mates[1]) < 0.2 * len(mates[0])


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.fixed_dictionaries({name: st.integers(2, most) for name, most in zip(SMALL, (40, 20, 80), strict=True)}),
    weights=st.fixed_dictionaries({name: st.floats(0.1, 10) for name in SMALL}),
    frames=st.integers(1000, 20000),
    pieces=st.integers(28, 500),
    world_size=st.sampled_from([1, 2]),
    batches=st.none() | st.integers(1, 30),
    seed=st.integers(0, 100),
)
def test_budgets_hold_on_every_rank_padding_included(sizes, weights, frames, pieces, world_size, batches, seed):
    groups = make_groups(sizes, weights, seed)
    for parts in zip(*epochs(groups, Budget(frames, pieces), world_size, batches, seed=seed), strict=True):
        for part in parts:
            assert list(part) == [*rows_of(groups, part, "speech"), *rows_of(groups, part, "text_in")]
            assert part, "an empty batch"
            for modality, limit in (("speech", frames), ("text_in", pieces)):
                assert padded_size(groups, rows_of(groups, part, modality)) * world_size <= limit


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_no_example_and_together_see_the_epoch(world_size):
    ranks = epochs(SMALL, BUDGET, world_size)
    seen = Counter(utt_id for rank in ranks for batch in rank for utt_id in batch)
    assert set(seen.values()) == {1}
    assert set(seen) == {utt_id for group in SMALL.values() for utt_id in group.ids}


@pytest.mark.parametrize("world_size", [1, 2, 8])
def test_an_epoch_has_the_batches_asked_for_and_each_of_every_rank_its_share_of_every_group(world_size):
    total = sum(len(group.lengths) for group in LONG_AND_SHORT.values())
    for epoch in epochs(LONG_AND_SHORT, Budget(20_000 * world_size, 4000 * world_size), world_size, batches=20):
        assert len(epoch) == 20
        for batch in epoch:
            for name, group in LONG_AND_SHORT.items():
                share = len(group.lengths) / total
                assert abs(drawn([batch])[name] - share * len(batch)) <= 1, name
    for batches in (1, 200):  # of 110 examples
        sampler = mixed(SMALL, BUDGET, batches, world_size=world_size)
        assert len(sampler) == len(sampler.generate(0)) == batches


@pytest.mark.parametrize("world_size", [1, 8])
def test_in_parts_batches_waste_less_than_a_tenth_and_have_as_many_rows_so_that_examples_count_alike(world_size):
    used, padded, rows = Counter[str](), Counter[str](), []
    for epoch in epochs(LONG_AND_SHORT, Budget(20_000 * world_size, 4000 * world_size), world_size, 20, max_parts=4):
        for batch in epoch:
            rows.append(len(batch))
            for modality in ("speech", "text_in"):
                lengths = [length_of(LONG_AND_SHORT, utt_id) for utt_id in rows_of(LONG_AND_SHORT, batch, modality)]
                used[modality] += sum(lengths)
                ordered, number = np.array([sorted(lengths, reverse=True)]), np.array([len(lengths)])
                padded[modality] += int(padded_sizes(ordered, number, 4)[0])
    for modality, size in padded.items():
        assert used[modality] > 0.9 * size, modality
    assert np.mean(np.abs(rows - np.median(rows)) <= 1) > 0.99  # a batch that was over the budget gave a row away
    assert min(rows) > 50


def test_eight_ranks_are_as_full_as_one():
    filled = {}
    for world_size, budget in ((1, Budget(24_000, 6000)), (8, Budget(24_000, 6000)), (8, Budget(192_000, 48_000))):
        frames = [
            sum(length_of(LONG_AND_SHORT, utt_id) for utt_id in rows_of(LONG_AND_SHORT, batch, "speech"))
            for epoch in epochs(LONG_AND_SHORT, budget, world_size, batches=8, max_parts=4)
            for batch in epoch
        ]
        filled[world_size, budget] = np.mean(frames) * world_size / budget.frames
    one, *eight = filled.values()
    assert one > 0.8
    assert all(share > 0.97 * one for share in eight), filled


def test_a_pass_over_several_epochs_covers_each_example_once_before_any_comes_twice():
    sampler = mixed(LONG_AND_SHORT, Budget(24_000, 6000), batches=40, max_parts=4)
    stream: dict[str, list[str]] = {name: [] for name in LONG_AND_SHORT}
    for epoch in range(1, 6):
        for batch in sampler.generate(epoch):
            for utt_id in batch:
                stream[group_of(utt_id)].append(utt_id)
    for name, group in LONG_AND_SHORT.items():
        size = len(group.ids)
        passes = [stream[name][start : start + size] for start in range(0, len(stream[name]), size)]
        assert len(passes) > 2
        assert all(len(set(one)) == len(one) for one in passes), name


def test_a_rare_task_comes_at_its_due_rate_and_two_of_them_take_turns():
    sizes = {"slu-a": 900, "asr-b": 30, "mlm-c": 30, "nlu-d": 40}
    batches = [drawn([batch]) for batch in mixed(make_groups(sizes), Budget(3000, 500)).generate(1)]
    assert 100 < len(batches) < 200
    for name in ("asr-b", "mlm-c", "nlu-d"):
        assert sum(name in batch for batch in batches) == sizes[name], "once a batch, or not at all"
    assert not any({"asr-b", "mlm-c"} <= batch.keys() for batch in batches)


def test_a_modality_that_some_batches_lack_is_told():
    for texts, lacking in ((2000, []), (40, ["text_in"])):
        sampler = mixed(make_groups({"asr": 2000, "nlu": texts}), Budget(4000, 1000))
        assert sampler.lacking(sampler.generate(1)) == lacking


def test_the_rarer_modality_is_spread_evenly_over_the_batches():
    groups = make_groups({"slu-a": 400, "nlu-c": 400})  # audio alone sets the number of batches
    epoch = mixed(groups, Budget(6000, 100_000)).generate(0)
    sizes = [padded_size(groups, rows_of(groups, batch, "text_in")) for batch in epoch]
    assert max(sizes) < 2 * np.mean(sizes)


def test_a_mixture_of_one_modality_makes_batches_of_it_alone():
    for name in ("slu-a", "nlu-c"):
        epoch = mixed({name: SMALL[name]}, BUDGET).generate(0)
        assert drawn(epoch) == {name: len(SMALL[name].lengths)}


LONG, PIECES = group("speech", {"slu-a-1": 100, "slu-a-2": 900}), group("text_in", {"nlu-c-1": 30})


@pytest.mark.parametrize(
    ("groups", "budget", "processes", "message"),
    [
        ({"slu-a": LONG}, Budget(800, 100), 1, r"slu-a-2 has 900 of the 800 frames \(batch_bins\) of a batch for 1 pr"),
        ({"slu-a": LONG}, Budget(1000, 9), 2, r"slu-a-2 has 900 of the 1000 frames \(batch_bins\) of a batch for 2 p"),
        ({"nlu-c": PIECES}, Budget(800, 20), 1, r"30 of the 20 pieces \(text_batch_bins\)"),
        ({"slu-a": group("speech", {})}, BUDGET, 1, "the group slu-a of the mixture has no examples"),
        ({}, BUDGET, 1, "the mixture has no examples"),
    ],
)
def test_what_makes_no_batch_is_named(groups, budget, processes, message):
    with pytest.raises(UserError, match=message):
        mixed(groups, budget, world_size=processes)


def test_fewer_examples_than_processes_are_seen_by_several():
    one = make_groups({"slu-a": 1})
    for batches in (None, 3):
        assert [list(epoch) for epoch in epochs(one, BUDGET, 2, batches)] == [[("slu-a-00000",)] * (batches or 1)] * 2


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_single_task_batches_hold_one_group_each_within_the_budget_and_are_as_many_on_every_rank(world_size):
    groups = {**SMALL, **make_groups({"mlm-d": 1})}  # fewer examples than ranks
    ranks = [single_task_batches(groups, BUDGET, rank, world_size) for rank in range(world_size)]
    for parts in zip(*ranks, strict=True):
        (name,) = {group_of(utt_id) for part in parts for utt_id in part}
        limit = BUDGET.frames if groups[name].modality == "speech" else BUDGET.pieces
        assert all(0 < padded_size(groups, list(part)) <= limit for part in parts)
    seen = Counter(utt_id for rank in ranks for batch in rank for utt_id in batch)
    assert set(seen) == {utt_id for group in groups.values() for utt_id in group.ids}
    assert {utt_id for utt_id, count in seen.items() if count > 1} == ({"mlm-d-00000"} if world_size > 1 else set())
