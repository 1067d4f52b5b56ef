"""Slots as users write them, located in the transcript."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from espnet_atat.errors import UserError
from espnet_atat.semantics.frame import Span, to_tree
from espnet_atat.semantics.normalise import Normalisation, normalise_words
from espnet_atat.semantics.tree import Tree
from espnet_atat.strict_json import parse_json


def tree_of_slots(intent: str, slots: Any, text: str, rules: Normalisation) -> Tree:
    """The tree of an intent and its slots over a transcript.

    A slot covers the first occurrence of its value that does not overlap a slot placed before; longer values are
    placed first. A slot with an empty value becomes an empty slot at the end.
    """
    words = text.split()
    free = [True] * len(words)
    pairs = [(as_label(name), normalise_words(value, rules).split()) for name, value in read_slots(slots)]
    spans: list[Span] = []
    for name, value in sorted(pairs, key=lambda pair: -len(pair[1])):
        start = next(free_places(value, words, free), None) if value else len(words)
        if start is None:
            again = " a second time" if [*free_places(value, words, [True] * len(words))] else ""
            raise UserError(f"slot {name}: value {' '.join(value)!r} is not{again} in the transcript {text!r}")
        free[start : start + len(value)] = [False] * len(value)
        spans.append(Span(name, start, start + len(value)))
    return to_tree(as_label(intent), words, spans)


def free_places(phrase: Sequence[str], words: Sequence[str], free: Sequence[bool]) -> Iterator[int]:
    """Where the phrase begins among the words, if all of its own are free there."""
    for start in range(len(words) - len(phrase) + 1):
        stop = start + len(phrase)
        if words[start:stop] == phrase and all(free[start:stop]):
            yield start


def as_label(name: str) -> str:
    """A name as a label: ``set light`` → ``SET_LIGHT``; labels stay as they are."""
    label = re.sub(r"[^\w:.-]+", "_", name.strip()).strip("_").upper()
    if not label:
        raise UserError(f"{name!r} cannot name an intent or a slot")
    return label


def read_slots(slots: Any) -> list[tuple[str, str]]:
    """(name, value) of each slot, from ``room=kitchen; color=blue``, a JSON object, or a JSON list of pairs."""
    if slots is None or slots == "":
        return []
    if isinstance(slots, str) and slots.lstrip()[:1] in {"{", "["}:
        slots = parse_json(slots, f"slots {slots[:40]!r}")
    if isinstance(slots, str):
        pairs: list[Any] = [part.split("=", 1) for part in slots.split(";") if part.strip()]
    elif isinstance(slots, dict):
        lists = ((name, value if isinstance(value, list) else [value]) for name, value in slots.items())
        pairs = [(name, one) for name, values in lists for one in values]
    else:
        pairs = list(slots) if isinstance(slots, list) else [slots]
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise UserError(f"slots {slots!r}: expected name=value; name=value, a JSON object, or a list of pairs")
    return [(name, value) for name, value in pairs]
