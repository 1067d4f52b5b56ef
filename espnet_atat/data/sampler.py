"""Mixed batches for ESPnet: examples of all tasks are drawn into every batch by weight (paper, *Pretraining Phase*).

``epoch_plan.py`` decides which examples come together; here its numbers become the ids that ESPnet's iterators need.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from espnet2.samplers.abs_sampler import AbsSampler

from espnet_atat.data.epoch_plan import MODALITIES, Batch, Batches, Budget, Group, Planner


class MixedBatchSampler(AbsSampler):
    """Draws an epoch of mixed batches; with a planner's seed the first is ``generate(seed + 1)``, as ESPnet counts.

    Under DDP each rank gets batches of its own, as full as the others', that share no example.
    """

    def __init__(self, planner: Planner, rank: int = 0):
        self.planner, self.rank = planner, rank

    def __len__(self) -> int:
        return self.planner.batches

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.generate(self.planner.seed))

    def generate(self, seed: int) -> Batches:
        """The batches of the epoch with this seed: ids of this rank, audio first."""
        return Batches(self.planner, self.planner.plan(seed - self.planner.seed - 1), self.rank)

    def describe(self, epoch: Batches) -> list[str]:
        """Lines for the log: what a batch holds, and how full it is."""
        planner, plan, world = self.planner, epoch.plan, self.planner.world_size
        each = f"a batch of all {world} processes, an equal part for each" if world > 1 else "a batch"
        sizes = [len(group.lengths) for group in planner.groups]
        lines = [
            f"{planner.batches} mixed batches per epoch, of {planner.rows * world:.1f} examples each",
            "group: examples, share of every batch, rows of a batch of one process, passes per epoch",
        ]
        for name, size, share in zip(planner.names, sizes, planner.shares, strict=True):
            rows = share * planner.rows
            passes = rows * planner.batches * world / size
            lines.append(f"  {name}: {size}, {share:.2%}, {rows:.2f}, {passes:.3g}")
        for modality, unit in zip(MODALITIES, ("frames (batch_bins)", "pieces (text_batch_bins)"), strict=True):
            used, padded = plan.used[modality].mean(), plan.sizes[modality].mean()
            if padded:
                cap = planner.caps[modality]
                lines.append(
                    f"{cap * world:.0f} {unit} {each}: {used / cap:.1%} filled, "
                    f"{1 - used / padded:.1%} of what is computed is padding"
                )
        if plan.left_out:
            lines.append(f"{plan.left_out} of {len(plan.examples)} examples had no room in the first epoch")
        return lines

    def lacking(self, epoch: Batches) -> list[str]:
        """Modalities of the mixture that some batch of some rank lacks."""
        return [m for m in MODALITIES if epoch.plan.used[m].any() and not epoch.plan.used[m].all()]


def single_task_batches(groups: Mapping[str, Group], budget: Budget, rank: int = 0, world_size: int = 1) -> list[Batch]:
    """Batches of one group each, sorted by length; under DDP every rank gets as many, its share of the rows."""
    batches: list[Batch] = []
    for _, group in sorted(groups.items()):
        limit = budget.of(group.modality)
        packs: list[list[int]] = []
        for number in np.argsort(group.lengths, kind="stable").tolist():
            full = not packs or int(group.lengths[number]) * (len(packs[-1]) + 1) > limit
            if full and (not packs or len(packs[-1]) >= world_size):
                packs.append([])
            packs[-1].append(number)
        if len(packs) > 1 and len(packs[-1]) < world_size:
            rest = packs.pop()
            packs[-1].extend(rest)
        # The trainer reduces over ranks after every batch: a rank without rows would leave the others waiting, so in
        # a group of fewer examples than ranks one is seen by several.
        batches.extend(tuple(group.ids[i] for i in pack[rank::world_size] or pack[:1]) for pack in packs)
    return batches
