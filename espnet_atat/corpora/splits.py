"""Seeded splits of a corpus that do not depend on the order of its files, on Python's version or on the platform."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from espnet_atat.corpora.builder import Builder, Utterance

DEV_PARTS = 8  # in a fold, dev is one part in this many of the utterances that are not test


def ranked(keys: Iterable[str], seed: int) -> list[str]:
    """The keys in random order, a function of the seed."""
    return sorted(keys, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())


def draw_groups(sizes: Mapping[str, int], wanted: int, seed: int) -> list[str]:
    """Draw whole groups (speakers, phrasings) until their sizes sum to about ``wanted``.

    A group is skipped if the sum would exceed ``wanted`` by more than it falls short without it; at least one group is
    drawn, and at least one is left.
    """
    drawn: list[str] = []
    total = 0
    for group in ranked(sizes, seed):
        if len(drawn) >= len(sizes) - 1 or (drawn and total >= wanted):
            break
        if not drawn or total + sizes[group] - wanted <= wanted - total:
            drawn.append(group)
            total += sizes[group]
    return drawn


def draw_parts(sizes: Mapping[str, int], wanted: Mapping[str, int], seed: int) -> dict[str, str]:
    """Group → part: those drawn for each part by its size, one part after the other, and ``train``, what is left."""
    left, part_of = dict(sizes), dict.fromkeys(sizes, "train")
    for part, size in wanted.items():
        for group in draw_groups(left, size, seed):
            part_of[group] = part
            del left[group]
    return part_of


def stratified_folds(items: Sequence[tuple[str, str, str]], folds: int, seed: int) -> dict[str, int]:
    """Id → fold from 1, for folds of similar composition.

    ``items``: (id, stratum, group) of each; a group is never divided, a stratum is spread as evenly as groups allow.
    """
    strata = Counter(stratum for _, stratum, _ in items)
    members: dict[str, list[str]] = {}
    contents: dict[str, Counter[str]] = {}
    for key, stratum, group in items:
        members.setdefault(group, []).append(key)
        contents.setdefault(group, Counter())[stratum] += 1
    filled: list[Counter[str]] = [Counter() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    for group in sorted(ranked(members, seed), key=lambda group: -len(members[group])):  # the rank breaks ties

        def cost(fold: int, content: Counter[str] = contents[group]) -> tuple[float, int, int]:
            spread = sum(count * (2 * filled[fold][s] + count) / strata[s] for s, count in content.items())
            return spread, filled[fold].total(), fold

        best = min(range(folds), key=cost)
        filled[best].update(contents[group])
        fold_of.update(dict.fromkeys(members[group], best + 1))
    return fold_of


def write_folds(
    builder: Builder,
    field: str,
    items: Sequence[tuple[Utterance, str, str]],
    folds: int,
    *,
    dev: bool = True,
    split: str | None = None,
) -> None:
    """Write ``<field>_foldK_{train,dev,test}`` for every fold, drawn with the builder's seed.

    Each utterance is in the test set of one fold. ``items``: utterance, stratum (such as the intent) and group (such as
    the speaker), as in ``stratified_folds``. Without ``dev`` all that is not tested is trained on.
    """

    def dealt(those: Sequence[tuple[Utterance, str, str]], parts: int, seed: int) -> dict[str, int]:
        return stratified_folds([(utterance.id, stratum, group) for utterance, stratum, group in those], parts, seed)

    seed = builder.options.seed
    fold_of = dealt(items, folds, seed)
    for fold in range(1, folds + 1):
        rest = [item for item in items if fold_of[item[0].id] != fold]
        part_of = dealt(rest, DEV_PARTS, seed + fold) if dev else {utterance.id: 0 for utterance, _, _ in rest}
        sets = {
            "train": [utterance for utterance, _, _ in rest if part_of[utterance.id] != 1],
            "dev": [utterance for utterance, _, _ in rest if part_of[utterance.id] == 1],
            "test": [utterance for utterance, _, _ in items if fold_of[utterance.id] == fold],
        }
        for part, members in sets.items():
            if dev or part != "dev":
                builder.write(f"{field}_fold{fold}_{part}", members, split)
