"""Mixed batches: examples of all tasks are drawn into every batch by weight (paper, *Pretraining Phase*).

An epoch is a pure function of its seed. Audio and text examples are sorted by length and packed each to its own
budget, so that no example is padded across modalities; then one pack of each makes a batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from espnet2.samplers.abs_sampler import AbsSampler

from espnet_atat.errors import UserError

Batch = tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Examples of one task and set.

    Args:
        modality: ``speech`` or ``text_in``.
        weight: share of the examples drawn, relative to the other groups.
        lengths: example id to length, in frames (speech) or pieces (text).
    """

    modality: str
    weight: float
    lengths: Mapping[str, int]


@dataclass(frozen=True)
class Budget:
    """What one batch may hold, padding included: frames of audio and pieces of text."""

    frames: int
    pieces: int


class MixedBatchSampler(AbsSampler):
    """Draws an epoch of mixed batches.

    Args:
        groups: by name.
        budget: of one batch over all ranks.
        batches: number of batches an epoch; None: as many as draw each example once on average.
        rank, world_size: under DDP each rank gets every ``world_size``-th row of either modality, so that all ranks
            have both and none share an example.
        length_jitter: relative noise on lengths while sorting, so that batch mates change between epochs.

    Raises:
        UserError: an example alone is over the budget, or a group is empty.
    """

    def __init__(
        self,
        groups: Mapping[str, Group],
        budget: Budget,
        batches: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        length_jitter: float = 0.1,
    ):
        if not groups:
            raise UserError("the mixture has no examples")
        for name, group in groups.items():
            if not group.lengths:
                raise UserError(f"the group {name} of the mixture has no examples")
            limit = budget.frames if group.modality == "speech" else budget.pieces
            longest = max(group.lengths, key=group.lengths.__getitem__)
            if group.lengths[longest] * world_size > limit:
                unit = "frames (batch_bins)" if group.modality == "speech" else "pieces (text_batch_bins)"
                raise UserError(
                    f"utterance {longest} has {group.lengths[longest]} of the {limit} {unit} of a batch for "
                    f"{world_size} process(es): raise the budget or drop it"
                )
        self.groups = dict(groups)
        self.budget = budget
        self.batches = batches
        self.seed = seed
        self.rank, self.world_size = rank, world_size
        self.length_jitter = length_jitter
        self._names = sorted(groups)
        self._ids = {name: np.array(sorted(group.lengths)) for name, group in self.groups.items()}
        weights = np.array([self.groups[name].weight for name in self._names], dtype=float)
        self._shares = weights / weights.sum()

    def __len__(self) -> int:
        return self.batches if self.batches is not None else len(self.generate(self.seed))

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.generate(self.seed))

    def generate(self, seed: int) -> list[Batch]:
        """The batches of the epoch with this seed: ids of this rank, audio first."""
        rng = np.random.default_rng(seed)
        total = sum(len(ids) for ids in self._ids.values())
        if self.batches is None:
            packs = self._pack(self._draw(total, rng), rng)
        else:
            packs = []
            while len(packs) < self.batches:  # an epoch of batches may take several rounds of the data
                more = self._pack(self._draw(total, rng), rng)
                if not more:
                    raise UserError(f"{total} example(s) do not make a batch for {self.world_size} processes")
                packs.extend(more)
            packs = packs[: self.batches]
        return [(*speech[self.rank :: self.world_size], *text[self.rank :: self.world_size]) for speech, text in packs]

    def padding(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Share of padded frames and pieces in some batches of one rank."""
        used = {"speech": 0, "text_in": 0}
        padded = {"speech": 0, "text_in": 0}
        lengths = {
            utt_id: (group.modality, length)
            for group in self.groups.values()
            for utt_id, length in group.lengths.items()
        }
        for batch in batches:
            for modality in used:
                of_modality = [lengths[utt_id][1] for utt_id in batch if lengths[utt_id][0] == modality]
                used[modality] += sum(of_modality)
                padded[modality] += max(of_modality, default=0) * len(of_modality)
        return {modality: 1 - used[modality] / padded[modality] for modality in used if padded[modality]}

    def _draw(self, total: int, rng: np.random.Generator) -> dict[str, list[tuple[str, int]]]:
        """Examples of one round by modality: (id, length). Every group gets its share to within one example."""
        exact = self._shares * total
        counts = np.floor(exact).astype(int)
        # Round up at random, so that the expected share is exact however small a group's share is.
        counts += rng.random(len(counts)) < exact - counts
        drawn: dict[str, list[tuple[str, int]]] = {"speech": [], "text_in": []}
        for name, count in zip(self._names, counts, strict=True):
            group, ids = self.groups[name], self._ids[name]
            rounds = [rng.permutation(len(ids)) for _ in range(-(-int(count) // len(ids)))]
            order: Sequence[int] = np.concatenate(rounds)[:count].tolist() if rounds else []
            drawn[group.modality].extend((str(ids[i]), group.lengths[str(ids[i])]) for i in order)
        return drawn

    def _pack(
        self, drawn: Mapping[str, list[tuple[str, int]]], rng: np.random.Generator
    ) -> list[tuple[list[str], list[str]]]:
        """One round's examples as (audio ids, text ids) of batches in random order."""
        speech = self._sorted(drawn["speech"], rng)
        text = self._sorted(drawn["text_in"], rng)
        # The modality that fills its budget first sets the number of batches; the other spreads over as many.
        count = max(len(self._cut(speech, self.budget.frames)), len(self._cut(text, self.budget.pieces)))
        speech_packs = self._spread(speech, count, self.budget.frames)
        text_packs = self._spread(text, count, self.budget.pieces)
        return [
            (speech_packs[i], text_packs[j])
            for i, j in zip(rng.permutation(count), rng.permutation(count), strict=True)
        ]

    def _sorted(self, examples: list[tuple[str, int]], rng: np.random.Generator) -> list[tuple[str, int]]:
        """Sort by jittered length; a rest that would not give every rank a row is left out, at random."""
        examples = [examples[i] for i in rng.permutation(len(examples))]
        examples = examples[: len(examples) - len(examples) % self.world_size]
        noise = 1 + self.length_jitter * rng.uniform(-1, 1, len(examples))
        order = np.argsort(np.array([length for _, length in examples]) * noise, kind="stable")
        return [examples[i] for i in order]

    def _spread(self, ordered: list[tuple[str, int]], count: int, budget: int) -> list[list[str]]:
        """Cut into exactly ``count`` packs, their padded sizes as even as contiguous cuts allow."""
        longest = max((length for _, length in ordered), default=1)
        low, high = longest * self.world_size, budget  # the smallest limit that needs no more than `count` packs
        while low < high:
            middle = (low + high) // 2
            if len(self._cut(ordered, middle)) <= count:
                high = middle
            else:
                low = middle + 1
        bounds = [*self._cut(ordered, low), len(ordered)]
        packs = [[utt_id for utt_id, _ in ordered[start:end]] for start, end in pairwise(bounds)]
        while len(packs) < count:
            widest = max(range(len(packs)), key=lambda i: len(packs[i]), default=None)
            if widest is None or len(packs[widest]) < 2 * self.world_size:
                packs += [[] for _ in range(count - len(packs))]  # fewer examples than batches
                break
            rows = packs[widest]
            middle = len(rows) // self.world_size // 2 * self.world_size
            packs[widest : widest + 1] = [rows[:middle], rows[middle:]]
        return packs

    def _cut(self, ordered: list[tuple[str, int]], limit: int) -> list[int]:
        """Where greedy packs start whose padded size stays within ``limit``, in steps of one row a rank."""
        starts: list[int] = []
        size = longest = 0
        for index, (_, length) in enumerate(ordered):
            longest = max(longest, length)
            size += 1
            # Looked at when every rank has its row of the step.
            if size % self.world_size == 0 and (not starts or longest * size > limit):
                step = index + 1 - self.world_size
                starts.append(step)
                size = self.world_size
                longest = max(length for _, length in ordered[step : index + 1])
        return starts


def single_task_batches(groups: Mapping[str, Group], budget: Budget, rank: int = 0, world_size: int = 1) -> list[Batch]:
    """Batches of one group each, sorted by length; under DDP every rank gets as many, its share of the rows."""
    batches: list[Batch] = []
    for _, group in sorted(groups.items()):
        limit = budget.frames if group.modality == "speech" else budget.pieces
        packs: list[list[str]] = []
        for utt_id in sorted(group.lengths, key=lambda utt_id: (group.lengths[utt_id], utt_id)):
            full = not packs or group.lengths[utt_id] * (len(packs[-1]) + 1) > limit
            if full and (not packs or len(packs[-1]) >= world_size):
                packs.append([])
            packs[-1].append(utt_id)
        if len(packs) > 1 and len(packs[-1]) < world_size:
            rest = packs.pop()
            packs[-1].extend(rest)
        # The trainer reduces over ranks after every batch: a rank without rows would leave the others waiting, so in
        # a group of fewer examples than ranks one is seen by several.
        batches.extend(tuple(pack[rank::world_size]) or (pack[0],) for pack in packs)
    return batches
