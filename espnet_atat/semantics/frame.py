"""Frames: the meaning of a tree as an intent and its slots, without the carrier words.

``[IN:SET_LIGHT_COLOR make the [SL:ROOM kitchen ] lights [SL:COLOR blue ] ]`` has the intent ``SET_LIGHT_COLOR`` and the
slots (``ROOM``, ``kitchen``) and (``COLOR``, ``blue``).

A nested tree gives one frame too: the intent is the root's; every slot node, at any depth, is a slot, named by the
path of labels below the root and valued by all its words. ``[IN:A to [SL:B [IN:C the [SL:D shore ] ] ] ]`` has the
intent ``A`` and the slots (``B``, ``the shore``) and (``B > C > D``, ``shore``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from espnet_atat.semantics.tree import INTENT_PREFIX, SLOT_PREFIX, Tree, TreeError, check_tree

PATH_SEPARATOR = " > "  # labels contain no spaces, so a path is unambiguous


@dataclass(frozen=True, order=True)
class Slot:
    """A slot's name (the path of labels below the root, without prefixes) and its words with spaces between them."""

    name: str
    value: str


@dataclass(frozen=True, eq=False)
class Frame:
    """An intent and a *multiset* of slots: two frames are equal whatever the order of their slots."""

    intent: str
    slots: tuple[Slot, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self.intent == other.intent and sorted(self.slots) == sorted(other.slots)

    def __hash__(self) -> int:
        return hash((self.intent, frozenset(self.slots)))

    def tags_only(self) -> "Frame":
        """The frame with empty values: what the tags tell without the words."""
        return Frame(self.intent, tuple(Slot(slot.name, "") for slot in self.slots))


class Span(NamedTuple):
    """A slot over ``words[start:end]`` of a transcript; ``start == end`` is a slot without words."""

    name: str
    start: int
    end: int


def from_tree(node: Tree) -> Frame:
    """The frame of a valid tree, nested or flat."""
    slots = tuple(
        Slot(PATH_SEPARATOR.join(label[len(SLOT_PREFIX) :] for label in path[1:]), " ".join(below.words()))
        for path, below in node.walk()
        if below.is_slot
    )
    return Frame(node.name, slots)


def to_tree(intent: str, words: Sequence[str], spans: Sequence[tuple[str, int, int]] = ()) -> Tree:
    """The flat tree of a frame over its transcript; names may have their prefixes.

    Slots without words come before the word at their ``start``, in the order given.
    """
    children: list[Tree | str] = []
    position = 0
    for name, start, end in sorted(spans, key=lambda span: span[1:]):
        where = f"slot {name} over words {start} to {end}"
        if not 0 <= start <= end <= len(words):
            raise TreeError(f"{where} does not lie in a transcript of {len(words)} words")
        if start < position:
            raise TreeError(f"{where} overlaps the slot before it, which ends at word {position}")
        children.extend(words[position:start])
        children.append(Tree(_with_prefix(SLOT_PREFIX, name), tuple(words[start:end])))
        position = end
    children.extend(words[position:])
    node = Tree(_with_prefix(INTENT_PREFIX, intent), tuple(children))
    check_tree(node)
    return node


def _with_prefix(prefix: str, name: str) -> str:
    return name if name.startswith(prefix) else prefix + name
