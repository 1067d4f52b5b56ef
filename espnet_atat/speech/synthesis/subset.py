"""Which sentences of a set a slow engine says: a few that hold all words, slot values and phrasings of the set.

A phrasing is a sentence with its slots' names in place of their values. A set without trees has only words.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from math import fsum
from typing import Any

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

    def entry(name: str, chosen_with: Counter[Feature]) -> tuple[int, float, str]:
        counts = [chosen_with[feature] for feature in features[name]]
        return -counts.count(0), -fsum((1 + count) ** -2 for count in counts) / max(1, len(counts)), name

    return greedily(features, number, entry)


def greedily[Kind](
    features: Mapping[str, Collection[Kind]], number: int, entry: Callable[[str, Counter[Kind]], tuple[Any, ...]]
) -> list[str]:
    """``number`` of the keys, or all: each time the one with the least entry.

    ``entry``: of a key, how often features were chosen so far → what ends with the key, and only rises with them.
    """
    chosen_with = Counter[Kind]()
    queue = [entry(name, chosen_with) for name in features]
    heapq.heapify(queue)
    chosen: list[str] = []
    while queue and len(chosen) < number:
        name = heapq.heappop(queue)[-1]
        today = entry(name, chosen_with)
        if queue and today > queue[0]:
            heapq.heappush(queue, today)  # whoever leads with an entry of today is the best
        else:
            chosen.append(name)
            chosen_with.update(features[name])
    return chosen


def choose_sentences(data: DataDir, number: int) -> tuple[DataDir, str]:
    """``number`` utterances of a set of texts, in the set's order, and a line that says what they hold.

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
    subset = DataDir(
        text={utt: text for utt, text in data.text.items() if utt in chosen},
        target=data.target and {utt: tree for utt, tree in data.target.items() if utt in chosen},
    )
    return subset, f"chosen: {len(chosen)} of {len(found)} sentences, with {', '.join(amounts)}"
