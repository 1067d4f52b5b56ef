"""The plan of an epoch: which examples come together in a batch, for any number of them and of ranks.

The examples of a group (a task and a set) come in an endless stream, pass after pass over the group, each pass in an
order of its own; so every example comes once before any comes twice. A batch of a rank is a **window**: the next
examples of every stream, as many as the group's share of the window's rows, to within one. All windows hold the same
number of rows, to within one; so every example counts alike in the gradient, whatever its length and its neighbours'.

So that windows of as many rows are also as large in frames, a group's rows come to a window in :data:`STRATA` runs: one
of its longer examples, one of its shorter ones, and so on. The rows of a run are neighbours in length, which keeps
padding low where the encoder takes the batch in parts (``parts.py``). Load settles which run goes to which window: the
longer runs are dealt first, and the shortest of every stratum goes to the window that is the fullest.

An epoch is a function of the seed and its number only. This module needs only numpy.

M windows (batches x ranks), G groups, n examples of a group, L rows of all windows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from espnet_atat.data.parts import padded_sizes
from espnet_atat.errors import UserError

#: Runs of a group's rows in a window. More even out the windows better, and cost the encoder more parts.
STRATA = 3
#: Changes when the same seed gives other batches than before: part of what identifies a training.
PLAN_VERSION = 2

Batch = tuple[str, ...]

MODALITIES = ("speech", "text_in")
_PHASE = 0.5  # of a row: passes end with an epoch of as many rows, whatever is rounded
_TRIAL = 512  # windows that the number of rows is tried on
_FULL = 0.97  # of the budget that windows may fill on average, so that there is room for repairs
_FEW = 0.01  # share of them that may be over the budget; an epoch's are repaired by exchanging rows
_SWEEPS = 2  # of dealing out: the first by means of what is to come, the second by what came
_MANY_PASSES = 64  # in one epoch: a group as small as that is not sorted
#: What the repair looks at: the emptiest windows, some or many others, exchanges with each, exchanges of one window.
_EMPTIEST, _SAMPLED, _MANY, _PAIRS, _EXCHANGES = 16, 32, 500, 4, 16


@dataclass(frozen=True)
class Group:
    """Examples of one task and set.

    Args:
        modality: ``speech`` or ``text_in``.
        weight: share of the examples drawn, relative to the other groups.
        ids: by number.
        lengths: (n,) frames or samples (speech) or pieces (text).
    """

    modality: str
    weight: float
    ids: Sequence[str]
    lengths: np.ndarray


@dataclass(frozen=True)
class Budget:
    """What one batch of all ranks together may hold, padding included: frames of audio and pieces of text."""

    frames: int
    pieces: int

    def of(self, modality: str) -> int:
        return self.frames if modality == "speech" else self.pieces


@dataclass(frozen=True)
class Plan:
    """The rows of an epoch.

    Attributes:
        groups: (L,) numbers of the rows' groups, windows one after the other, audio before text in each.
        examples: (L,) numbers of the rows' examples in their groups.
        bounds: (M + 1,) where windows start.
        left_out: rows for which no window had room.
        sizes: of each modality the (M,) frames or pieces with padding.
        used: likewise without padding.
    """

    groups: np.ndarray
    examples: np.ndarray
    bounds: np.ndarray
    left_out: int
    sizes: Mapping[str, np.ndarray]
    used: Mapping[str, np.ndarray]


#: A row while it is dealt: its window (-1: left out), the numbers of its group, pass and example, its length.
_ROW = np.dtype([("window", "i4"), ("group", "i2"), ("turn", "i4"), ("example", "i4"), ("length", "i4")])
_PASS, _DEALT = ["group", "turn"], ["example", "length"]


class Planner:
    """Plans epochs of a mixture.

    Args:
        groups: by name.
        budget: of a batch over all ranks; each rank may fill its even part of it.
        batches: of an epoch; None: as many as draw as many examples as there are.
        max_parts: in which the encoder of each modality takes a batch.

    Attributes:
        names: of the groups, sorted; a group's number is its place here.
        shares: (G,) of the rows.
        are: of each modality (G,): whether the group is of it.
        rows: a window's, on average.
        batches: of an epoch.

    Raises:
        UserError: an example is over a rank's budget, or a group is empty.
    """

    def __init__(
        self,
        groups: Mapping[str, Group],
        budget: Budget,
        batches: int | None = None,
        seed: int = 0,
        world_size: int = 1,
        max_parts: int = 1,
    ):
        if not groups:
            raise UserError("the mixture has no examples")
        self.names = sorted(groups)
        self.groups = [groups[name] for name in self.names]
        self.caps = {modality: budget.of(modality) / world_size for modality in MODALITIES}
        self.seed, self.world_size, self.max_parts = seed, world_size, max_parts
        for name, group in zip(self.names, self.groups, strict=True):
            _check(name, group, budget, world_size)
        weights = np.array([group.weight for group in self.groups], dtype=float)
        self.shares = weights / weights.sum()
        self.are = {m: np.array([group.modality == m for group in self.groups]) for m in MODALITIES}
        total = sum(len(group.lengths) for group in self.groups)
        self.rows = self._fitting_rows(max(1.0, total / world_size))
        if batches is None:
            batches = max(1, int(-(-total // (self.rows * world_size))))
            self.rows = max(1.0, total / batches / world_size)
        self.batches = batches

    def plan(self, epoch: int) -> Plan:
        """The windows of an epoch, counted from 0: those of the first batch by rank, then those of the second."""
        windows = self.batches * self.world_size
        rng = np.random.default_rng([abs(self.seed), int(self.seed < 0), abs(epoch), int(epoch < 0)])
        rows = self._deal(epoch * windows, windows, self.rows, rng)
        for modality, size in self._sizes(rows, windows)[0].items():
            over = np.flatnonzero(size > self.caps[modality])
            if len(over):
                _Repair(self, rows, modality, size).run(over.tolist())
        kept = rows[rows["window"] >= 0]
        kept = kept[np.lexsort((kept["group"], self.are["text_in"][kept["group"]], kept["window"]))]
        bounds = np.concatenate([[0], np.cumsum(np.bincount(kept["window"], minlength=windows))])
        groups, examples = kept["group"].copy(), kept["example"].copy()  # without the rest of the rows
        return Plan(groups, examples, bounds, len(rows) - len(kept), *self._sizes(kept, windows))

    def _fitting_rows(self, most: float) -> float:
        """As many rows of a window as the budget allows."""
        means = [share * group.lengths.mean() for share, group in zip(self.shares, self.groups, strict=True)]
        lengths = {m: sum(means[g] for g in np.flatnonzero(of_it)) for m, of_it in self.are.items()}
        high = min([most, *(self.caps[m] / length for m, length in lengths.items() if length)])
        if high <= 1 or self._fits(high):
            return max(1.0, high)
        low = 1.0
        while high - low > max(0.02, 0.002 * high):
            middle = (low + high) / 2
            low, high = (middle, high) if self._fits(middle) else (low, middle)
        return low

    def _fits(self, rows: float) -> bool:
        dealt = self._deal(0, _TRIAL, rows, np.random.default_rng(abs(self.seed)))
        sizes, _ = self._sizes(dealt, _TRIAL)
        return all(
            np.mean(sizes[modality] > cap) <= _FEW and sizes[modality].mean() <= _FULL * cap
            for modality, cap in self.caps.items()
        )

    def _deal(self, first: int, windows: int, rows: float, rng: np.random.Generator) -> np.ndarray:
        """The rows of windows from number ``first`` on."""
        rates = rows * self.shares
        starts = [np.floor(first * rates + _PHASE), np.floor((first + windows) * rates + _PHASE)]
        counts = _counts(np.diff(starts, axis=0)[0].astype(int), windows)
        windows_of = [np.repeat(np.arange(windows, dtype=np.int32), of_group) for of_group in counts.T]
        loads = {modality: rng.random(windows) for modality in MODALITIES}  # less than a frame: breaks ties at random
        parts: list[np.ndarray] = []
        for modality, are_of_it in self.are.items():
            groups = np.flatnonzero(are_of_it).tolist()
            dealt = [self._stream(g, int(starts[0][g]), windows_of[g]) for g in groups]
            _balance(dealt, [rates[g] for g in groups], loads[modality], rng)
            parts += dealt
        return np.concatenate(parts)

    def _stream(self, g: int, first: int, windows: np.ndarray) -> np.ndarray:
        """A group's rows from number ``first`` of its stream on, in the stream's order."""
        lengths = self.groups[g].lengths
        rows = np.empty(len(windows), _ROW)
        rows["window"], rows["group"] = windows, g
        rows["turn"], places = np.divmod(np.arange(first, first + len(windows)), len(lengths))
        turns = np.unique(rows["turn"]).tolist()
        seeds = [[abs(self.seed), g, abs(turn), int(turn < 0)] for turn in turns]
        orders = [np.random.default_rng(seed).permutation(len(lengths)) for seed in seeds]
        if turns:
            rows["example"] = np.array(orders)[rows["turn"] - turns[0], places]
        rows["length"] = lengths[rows["example"]]
        return rows

    def _sizes(self, rows: np.ndarray, windows: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Of each modality (M,) sizes with padding, and without."""
        sizes, used = {}, {}
        for modality in MODALITIES:
            chosen = rows[self.are[modality][rows["group"]]]
            sizes[modality] = _padded(chosen["window"], chosen["length"], windows, self.max_parts)
            used[modality] = np.bincount(chosen["window"], chosen["length"], windows)
        return sizes, used


class Batches(Sequence[Batch]):
    """The batches of one rank in an epoch. Ids are made when a batch is asked for: an epoch may have millions.

    Args:
        planner: knows the groups.
        plan: of all ranks.
        rank: whose batches these are.
    """

    def __init__(self, planner: Planner, plan: Plan, rank: int):
        self._planner, self.plan, self._rank = planner, plan, rank

    def __len__(self) -> int:
        return self._planner.batches

    def __getitem__(self, index: int) -> Batch:  # type: ignore[override]  # nobody asks for a slice
        if not 0 <= index < len(self):
            raise IndexError(index)
        window = index * self._planner.world_size + self._rank
        rows = slice(*self.plan.bounds[window : window + 2].tolist())
        groups, examples = self.plan.groups[rows].tolist(), self.plan.examples[rows].tolist()
        return tuple(self._planner.groups[g].ids[i] for g, i in zip(groups, examples, strict=True))


def _check(name: str, group: Group, budget: Budget, world_size: int) -> None:
    if not len(group.lengths):
        raise UserError(f"the group {name} of the mixture has no examples")
    limit = budget.of(group.modality)
    longest = int(np.argmax(group.lengths))
    if int(group.lengths[longest]) * world_size > limit:
        unit = "frames (batch_bins)" if group.modality == "speech" else "pieces (text_batch_bins)"
        raise UserError(
            f"utterance {group.ids[longest]} has {group.lengths[longest]} of the {limit} {unit} of a batch for "
            f"{world_size} process(es): raise the budget or drop it"
        )


def _counts(totals: np.ndarray, windows: int) -> np.ndarray:
    """(M, G) rows of each window: ``totals`` (G,) in all, and of every group its share of the window to within one row.

    A window has the whole part of its share of every group, and one row more of the groups that lag behind most.
    """
    total = max(int(totals.sum()), windows)  # no window may be empty
    totals = totals + (total - totals.sum()) * (np.arange(len(totals)) == totals.argmax())
    shares = totals / total
    # Groups of like shares get their odd row in turns, not in the same windows.
    given = -(np.cumsum(shares * (total / windows)) % 1)
    extra, found = np.zeros((2, windows, len(shares)), np.int32)
    for window in range(windows):
        start, end = window * total // windows, (window + 1) * total // windows
        found[window] = (end - start) * shares + 1e-9
        given += found[window]
        behind = np.argsort(given - end * shares, kind="stable")[: end - start - found[window].sum()]
        extra[window, behind] = 1
        given[behind] += 1
    # What rounding left at the end changes hands in the last windows where it can.
    found += extra
    missing = totals - found.sum(0)
    while missing.any():
        gets, gives = int(missing.argmax()), int(missing.argmin())
        can = np.flatnonzero((extra[:, gives] == 1) & (extra[:, gets] == 0))
        if not len(can):
            can = np.flatnonzero(found[:, gives] > 0)
        for counts in (extra, found):
            counts[can[-1], gives] -= 1
            counts[can[-1], gets] += 1
        missing[gets] -= 1
        missing[gives] += 1
    return found


def _balance(dealt: list[np.ndarray], rates: list[float], loads: np.ndarray, rng: np.random.Generator) -> None:
    """Reorder the examples within each pass of each group so that the windows' loads are even."""
    rounds: list[_Round] = []
    for rows, rate in zip(dealt, rates, strict=True):
        if not len(rows):
            continue
        bounds = [0, *np.cumsum(_run_lengths(rows["turn"])).tolist()]
        if len(bounds) > _MANY_PASSES:
            np.add.at(loads, rows["window"], rows["length"])
            continue
        run = max(1, round(rate / STRATA))
        for start, end in pairwise(bounds):
            rounds += _rounds(rows[start:end], run, rng)
    rounds.sort(key=lambda one: -one.dealt["length"].mean())
    for one in rounds:
        loads[one.windows] += one.sums
    for _ in range(_SWEEPS):
        for one in rounds:
            one.deal(loads)


@dataclass
class _Round:
    """One stratum of a pass of a group: a run of its rows for each of some windows.

    Args:
        rows: of the pass.
        slots: numbers in ``rows`` of those that are to be filled, run by run.
        windows: each run's.
        sizes: rows of each run.
        dealt: what they are filled with, by rising length.
        sums: what the runs count for in the windows' loads; the mean at first.
    """

    rows: np.ndarray
    slots: np.ndarray
    windows: np.ndarray
    sizes: np.ndarray
    dealt: np.ndarray
    sums: np.ndarray

    def deal(self, loads: np.ndarray) -> None:
        """Give the shortest run to the window that is the fullest without it, and so on."""
        loads[self.windows] -= self.sums
        order = np.argsort(-loads[self.windows])
        sizes = self.sizes[order]
        firsts = np.cumsum(self.sizes) - self.sizes
        slots = self.slots[np.repeat(firsts[order], sizes) + _within(sizes)]
        self.rows[_DEALT][slots] = self.dealt
        self.sums[order] = np.add.reduceat(self.dealt["length"], np.cumsum(sizes) - sizes, dtype=float)
        loads[self.windows] += self.sums


def _rounds(rows: np.ndarray, run: int, rng: np.random.Generator) -> list[_Round]:
    """One pass's rows by strata, the longest first."""
    windows = rows["window"]
    place = _within(_run_lengths(windows)) // run
    # Neighbours change from pass to pass: a place in the order is sure to within a few runs only.
    ranks = np.empty(len(rows))
    ranks[np.argsort(rows["length"])] = np.arange(len(rows))
    rising = rows[_DEALT][np.argsort(ranks + rng.uniform(-2 * run, 2 * run, len(rows)))]
    found = []
    for number in range(int(place.max()) + 1):
        slots = np.flatnonzero(place == number)
        sizes = _run_lengths(windows[slots])
        rising, dealt = np.split(rising, [len(rising) - len(slots)])
        of_windows = windows[slots][np.cumsum(sizes) - sizes]
        found.append(_Round(rows, slots, of_windows, sizes, dealt, sizes * dealt["length"].mean()))
    return found


def _run_lengths(values: np.ndarray) -> np.ndarray:
    """How many equal values are side by side: 3 3 5 -> 2 1."""
    firsts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return np.diff(np.append(firsts, len(values)))


def _within(sizes: np.ndarray) -> np.ndarray:
    """0, 1, … size - 1 for every size."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _padded(window: np.ndarray, length: np.ndarray, windows: int, max_parts: int) -> np.ndarray:
    """(M,) sizes with padding."""
    counts = np.bincount(window, minlength=windows)
    table = np.zeros((windows, max(1, int(counts.max(initial=0)))), np.int32)
    order = np.lexsort((-length, window))
    table[window[order], _within(counts)] = length[order]
    return padded_sizes(table, counts, max_parts)


class _Repair:
    """Brings windows under their budget: exchanges a row for a shorter one of its pass, else moves or leaves one out.

    Args:
        size: (M,) with padding, kept up to date.
    """

    def __init__(self, planner: Planner, rows: np.ndarray, modality: str, size: np.ndarray):
        self.rows, self.size = rows, size
        self.cap, self.max_parts = planner.caps[modality], planner.max_parts
        of_modality = np.flatnonzero(planner.are[modality][rows["group"]])
        order = of_modality[np.argsort(rows["window"][of_modality], kind="stable")]
        self.slots = np.split(order, np.cumsum(np.bincount(rows["window"][order], minlength=len(size)))[:-1])

    def run(self, over: list[int]) -> None:
        """Bring these windows under the budget."""
        for window in over:
            tries = 0
            while self.size[window] > self.cap:
                tries += 1
                few, many = self._partners(window), self._partners(window, _MANY)
                if tries <= _EXCHANGES and (self._exchange(window, few) or self._exchange(window, many)):
                    continue
                if self._move(window, many):
                    continue
                slots = self.slots[window]
                self._give(slots[np.argmax(self.rows["length"][slots])], window, -1)

    def _exchange(self, window: int, others: list[int]) -> bool:
        """Swap a row for a shorter one of the same pass of a window with room; False if none makes this one smaller."""
        rows, mine = self.rows, self.slots[window]
        excess = self.size[window] - self.cap
        pairs: list[tuple[int, int, int]] = []
        for other in others:
            theirs = self.slots[other]
            same = rows[_PASS][mine][:, None] == rows[_PASS][theirs]
            saved = rows["length"][mine][:, None] - rows["length"][theirs].astype(float)
            # The smallest exchange that seems to be enough comes first; then the largest of the others.
            rank = np.where(saved >= excess, saved - excess, 1e9 - saved)
            rank[~same | (saved <= 0)] = np.inf
            best = np.argsort(rank, axis=None)[:_PAIRS]
            found = best[np.isfinite(rank.flat[best])]
            pairs += [(other, int(mine[at // len(theirs)]), int(theirs[at % len(theirs)])) for at in found.tolist()]
        if not pairs:
            return False
        here = self._sizes([np.where(mine == one, two, mine) for _, one, two in pairs])
        there = self._sizes([np.where(self.slots[other] == two, one, self.slots[other]) for other, one, two in pairs])
        here[(there > self.cap) | (here >= self.size[window])] = np.inf
        chosen = int(np.argmin(here))
        if not np.isfinite(here[chosen]):
            return False
        other, one, two = pairs[chosen]
        rows[_DEALT][[one, two]] = rows[_DEALT][[two, one]]
        self.size[window], self.size[other] = here[chosen], there[chosen]
        return True

    def _move(self, window: int, others: list[int]) -> bool:
        """Give the shortest row to a window that has room for it."""
        slots = self.slots[window]
        if len(slots) < 2 or not others:
            return False
        shortest = slots[np.argmin(self.rows["length"][slots])]
        sizes = self._sizes([np.append(self.slots[other], shortest) for other in others])
        if sizes.min() > self.cap:
            return False
        self._give(shortest, window, others[int(sizes.argmin())])
        return True

    def _give(self, slot: int, window: int, other: int) -> None:
        """Put a row of a window into another; -1: into none."""
        self.rows["window"][slot] = other
        self.slots[window] = self.slots[window][self.slots[window] != slot]
        self.size[window] = self._sizes([self.slots[window]])[0]
        if other >= 0:
            self.slots[other] = np.append(self.slots[other], slot)
            self.size[other] = self._sizes([self.slots[other]])[0]

    def _partners(self, window: int, sampled: int = _SAMPLED) -> list[int]:
        """The emptiest windows, and about so many of the others."""
        order = np.argsort(self.size, kind="stable")
        chosen = [*order[:_EMPTIEST].tolist(), *order[_EMPTIEST :: max(1, len(order) // sampled)].tolist()]
        return [other for other in chosen if other != window]

    def _sizes(self, candidates: list[np.ndarray]) -> np.ndarray:
        """Of windows of these rows, with padding."""
        counts = np.array([len(slots) for slots in candidates])
        window = np.repeat(np.arange(len(candidates)), counts)
        lengths = self.rows["length"][np.concatenate(candidates)]
        return _padded(window, lengths, len(candidates), self.max_parts)
