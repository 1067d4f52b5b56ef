"""Which sentences of a set a slow engine says: a few that hold all words, slot values and phrasings of the set.

A phrasing is a sentence with its slots' names in place of their values. A set without trees has words alone.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from math import fsum

from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.tree import Tree, parse

KINDS = ("word", "slot value", "phrasing")
#: One of ``KINDS``, and what it is: ``("slot value", "ROOM", "living", "room")``.
Feature = tuple[str, ...]


def coverage_of(text: str, tree: str | None) -> frozenset[Feature]:
    """What a sentence has of each kind. Raises TreeError for what is no tree."""
    found: set[Feature] = {("word", word) for word in text.split()}
    if tree is not None:
        root = parse(tree)
        found |= {("slot value", slot.name, *slot.words()) for slot in root.slots()}
        parts = (f"[{part.name}]" if isinstance(part, Tree) else part for part in root.children)
        found.add(("phrasing", root.name, *parts))
    return frozenset(found)


def cover(features: Mapping[str, Collection[Feature]], number: int) -> list[str]:
    """``number`` of the keys, or all, in the order of choice.

    The next brings the most features that none before has. Once there is nothing new it is the one whose features, on
    the mean, are worth most, where one that was chosen c times is worth 1 / (1 + c)²: neither long sentences nor short
    ones. Of equally good ones the first by its name. So the choice is the same whatever the order, and one of fewer is
    the beginning of one of more.
    """
    chosen_with = Counter[Feature]()

    def rank(name: str) -> tuple[int, float]:
        counts = [chosen_with[feature] for feature in features[name]]
        return -counts.count(0), -fsum((1 + count) ** -2 for count in counts) / max(1, len(counts))

    chosen = []
    for name in islice(lowest_first(features, rank), number):
        chosen.append(name)
        chosen_with.update(features[name])
    return chosen


def lowest_first(names: Iterable[str], rank: Callable[[str], tuple[float, ...]]) -> Iterator[str]:
    """Each time the name of the lowest rank, of equals the first; who takes one may raise the ranks of others."""
    queue = [(rank(name), name) for name in names]
    heapq.heapify(queue)
    while queue:
        _, name = heapq.heappop(queue)
        today = (rank(name), name)
        if queue and today > queue[0]:
            heapq.heappush(queue, today)
        else:  # no other's rank has fallen
            yield name


def choose_sentences(data: DataDir, number: int) -> tuple[DataDir, str]:
    """``number`` utterances of a set of texts, and a line that says what they hold.

    Raises UserError, with the utterance, for what is no tree.
    """
    if number < 1:
        raise UserError(f"the sentences to be said are at least 1, found {number}")
    found = {}
    for utt in data.ids:
        with naming(f"utterance {utt}"):
            found[utt] = coverage_of(data.text[utt], data.target[utt] if data.target else None)
    chosen = set(cover(found, number))
    there = Counter(feature[0] for feature in frozenset[Feature]().union(*found.values()))
    kept = Counter(feature[0] for feature in frozenset[Feature]().union(*(found[utt] for utt in chosen)))
    amounts = [f"{kept[kind]} of {there[kind]} {kind}s" for kind in KINDS if there[kind]]
    return data.subset(chosen), f"chosen: {len(chosen)} of {len(found)} sentences, with {', '.join(amounts)}"
