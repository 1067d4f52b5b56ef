"""Trees whose open slots hold other words: a song may have any title, and a decoder must learn to listen for it.

A slot is *open* if its values hardly ever repeat, as titles and names do, unlike rooms and times. In its values, words
of another text take the place of those that occur nowhere else in a tree: *the golden queen* → *the golden saddle*. A
decoder that reads, and hears, thousands of words in these places no longer completes what it hears to a word that it
knows.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import Tree, is_tag, parse, strip_tags
from espnet_atat.speech.report import Report

#: What may be put in: no letters by themselves, and no parts of clitics.
NEW_WORD = re.compile(r"[a-z]{3,}")
RARE = 50  # values that a slot needs, for their variety to be known


@dataclass(frozen=True, kw_only=True)
class OpenValues:
    """A set of the trees of ``text``, with words of the sets ``words`` (``recipe/set``) in their open slots.

    Attributes:
        without: sets whose words are not put in, so that they stay unheard under trees.
        number: of trees. Those of ``text`` are used in turn, with new words each time.
        share: of the replaceable words of a tree, the part that is replaced; at least one.
        variety: different values per value that make a slot open.
        slots: names of the open slots; none: found by ``variety``.
    """

    text: str
    words: tuple[str, ...]
    without: tuple[str, ...] = ()
    number: int = 6000
    share: float = 0.6
    variety: float = 0.3
    slots: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.number < 1 or not 0 < self.share <= 1 or not 0 < self.variety <= 1:
            raise UserError(f"number is at least 1, share and variety are in (0, 1]; found {self}")


def open_set(
    data: Path, others: Iterable[Path], without: Iterable[Path], name: str, options: OpenValues, work: Path
) -> Report:
    """Write a data dir of text, ``name``, to ``work``: trees of ``data`` with words that only ``others`` have."""
    trees = DataDir.load(data).target
    if trees is None:
        raise UserError(f"{data} has no trees: open_values needs a set with a file 'target'")
    words = _words_of(others) - _words_of(without)
    target = {f"{name}_{i:05d}": tree for i, tree in enumerate(open_trees(trees, words, options), start=1)}
    DataDir(text={utt: " ".join(strip_tags(tree)) for utt, tree in target.items()}, target=target).write_files(work)
    return Report({"made": len(target)}, [f"{name}: {len(target)} trees of {data.name} with other words"])


def _words_of(sets: Iterable[Path]) -> set[str]:
    return {word for each in sets for text in DataDir.load(each).text.values() for word in text.split()}


def open_slots(trees: Iterable[Tree], variety: float) -> set[str]:
    """Names of the slots with at least this share of different values."""
    values: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for tree in trees:
        for slot in tree.slots():
            if not any(isinstance(child, Tree) for child in slot.children):
                values[slot.name][" ".join(slot.words())] += 1
    return {name for name, of in values.items() if of.total() >= RARE and len(of) >= variety * of.total()}


def open_trees(targets: Mapping[str, str], words: Collection[str], options: OpenValues) -> Iterator[str]:
    """``options.number`` trees, serialised; every word is put in as often as any other.

    Raises:
        UserError: no slot is open, or there is nothing to put in.
    """
    trees = [parse(target) for _, target in sorted(targets.items())]
    names = set(options.slots) or open_slots(trees, options.variety)
    labels = {f"SL:{name}" for name in names}
    tokens = [list(_with_slots(tree)) for tree in trees]
    elsewhere = {token for each in tokens for token, label in each if label not in labels}
    rng = random.Random(options.seed)
    found = [(each, places) for each in tokens if (places := _replaceable(each, labels, elsewhere))]
    new = sorted(word for word in words if NEW_WORD.fullmatch(word))
    if not found:
        raise UserError(f"no slot of {options.text} is open: name some (slots), or lower variety ({options.variety})")
    if not new:
        raise UserError(f"{', '.join(options.words)} has no word to put in")
    deck, order = _shuffled_anew(new, rng), _shuffled_anew(found, rng)
    for _ in range(options.number):
        each, places = next(order)
        chosen = [place for place in places if rng.random() < options.share] or [rng.choice(places)]
        drawn = {place: next(deck) for place in chosen}
        yield " ".join(drawn.get(place, token) for place, (token, _) in enumerate(each))


def _shuffled_anew[T](items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """All of them in some order, then in another, without end."""
    while True:
        yield from rng.sample(items, len(items))


def _replaceable(tokens: Sequence[tuple[str, str]], labels: set[str], elsewhere: set[str]) -> list[int]:
    return [place for place, (token, label) in enumerate(tokens) if label in labels and token not in elsewhere]


def _with_slots(tree: Tree) -> Iterator[tuple[str, str]]:
    """The tokens of a tree, and of each word the label of the node that it is right below; of tags none."""
    labels: list[str] = []
    for token in tree.tokens():
        if not is_tag(token):
            yield token, labels[-1]
            continue
        labels.pop() if token == "]" else labels.append(token[1:])
        yield token, ""
