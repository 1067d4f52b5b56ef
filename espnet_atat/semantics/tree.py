"""Bracketed trees, the target language of every corpus: parse, check, serialise.

``[IN:SET_LIGHT_COLOR make the [SL:ROOM kitchen ] lights [SL:COLOR blue ] ]``

A tree is written as tokens with spaces between them. Three kinds of token are *tags*: ``[IN:NAME`` opens an intent,
``[SL:NAME`` opens a slot, ``]`` closes the innermost one. Every other token is a word. The notation is that of TOP
(Gupta et al. 2018). A tree is *valid* if

* its brackets close, and there is nothing outside the root;
* an intent's children are slots or words, a slot's children are intents or words;
* the root is one intent.

A node may have no words: ``[SL:LOCATION_WASHROOM ]``. All traversals are loops: a decoder may emit thousands of open
brackets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from espnet_atat.errors import UserError

INTENT_PREFIX = "IN:"
SLOT_PREFIX = "SL:"
OPEN_INTENT = "[" + INTENT_PREFIX
OPEN_SLOT = "[" + SLOT_PREFIX
CLOSE = "]"


class TreeError(UserError):
    """A text is not a tree of the target language; the message names the problem and the token."""


@dataclass(frozen=True)
class Tree:
    """An intent or a slot, labelled ``IN:PLAY_MUSIC`` or ``SL:ARTIST``, with words and subtrees in order."""

    label: str
    children: tuple["Tree | str", ...] = ()

    @property
    def is_intent(self) -> bool:
        return self.label.startswith(INTENT_PREFIX)

    @property
    def is_slot(self) -> bool:
        return self.label.startswith(SLOT_PREFIX)

    @property
    def name(self) -> str:
        """The label without its prefix: ``PLAY_MUSIC``."""
        return self.label[3:] if self.is_intent or self.is_slot else self.label

    def tokens(self, *, decoupled: bool = False) -> list[str]:
        """The node as tokens, tags and words, in the order of the text.

        Args:
            decoupled: without the words that no leaf slot holds: those right below an intent, and those of a slot with
                nodes in it (Aghajanyan et al. 2020, arXiv 2009.13655).
        """
        out: list[str] = []
        stack: list[Tree | str] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                out.append(item)
            else:
                out.append("[" + item.label)
                stack.append(CLOSE)
                nodes = [child for child in item.children if isinstance(child, Tree)]
                stack.extend(reversed(nodes if decoupled and (nodes or item.is_intent) else item.children))
        return out

    def words(self) -> list[str]:
        """All words below the node, at any depth, in order."""
        return strip_tags(self.tokens())

    def walk(self) -> "Iterator[tuple[tuple[str, ...], Tree]]":
        """Every node in the order of its opening bracket, as (labels on the path from this node, node)."""
        stack: list[tuple[tuple[str, ...], Tree]] = [((self.label,), self)]
        while stack:
            path, node = stack.pop()
            yield path, node
            below = [((*path, child.label), child) for child in node.children if isinstance(child, Tree)]
            stack.extend(reversed(below))

    def slots(self) -> "list[Tree]":
        """All slot nodes below this node, at any depth, in order."""
        return [node for _, node in self.walk() if node.is_slot and node is not self]

    def serialise(self) -> str:
        """The text of the node: ``parse(text).serialise() == text`` for a text with single spaces."""
        return " ".join(self.tokens())


def is_tag(token: str) -> bool:
    """True for ``[IN:…``, ``[SL:…`` and ``]``."""
    return token == CLOSE or token.startswith((OPEN_INTENT, OPEN_SLOT))


def strip_tags(text: str | list[str]) -> list[str]:
    """The words of a tree's text or tokens, in order; it works token by token, so the tree need not be valid."""
    tokens = text.split() if isinstance(text, str) else text
    return [token for token in tokens if not is_tag(token)]


def looks_like_tree(line: str) -> bool:
    """Whether a line is meant as a tree, valid or not, and not as plain words."""
    return line.lstrip().startswith("[")


def parse(text: str, *, nesting: bool = True) -> Tree:
    """Read a tree from tokens with white space between them.

    Args:
        nesting: also require that intents and slots alternate and that the root is an intent, as in every valid tree;
            without, any tree whose brackets close is read.
    """
    labels: list[str] = []  # of the open nodes, outermost first
    opened_at: list[int] = []  # token number of each open node's bracket, for messages
    children: list[list[Tree | str]] = [[]]  # of the open nodes; the first list is the place above the root
    for number, token in enumerate(text.split(), start=1):
        if token == CLOSE:
            if not labels:
                raise TreeError(f"stray ']' at token {number}: no bracket is open there")
            opened_at.pop()
            node = Tree(labels.pop(), tuple(children.pop()))
            children[-1].append(node)
        elif "[" in token or "]" in token:
            _check_opening(token, number)
            if not labels and children[0]:
                raise TreeError(f"second root {token!r} at token {number}: the tree was complete before it")
            if nesting:
                _check_nesting(token[1:], labels[-1] if labels else None, number)
            labels.append(token[1:])
            opened_at.append(number)
            children.append([])
        elif not labels:
            where = "after the root's closing bracket" if children[0] else "before the root's opening bracket"
            raise TreeError(f"word {token!r} outside the root at token {number}, {where}")
        else:
            children[-1].append(token)
    if labels:
        raise TreeError(f"unclosed bracket: '[{labels[-1]}' at token {opened_at[-1]} has no ']'")
    if not children[0]:
        raise TreeError("empty: there is no tree")
    root = children[0][0]
    assert isinstance(root, Tree)
    return root


def check_tree(node: Tree) -> None:
    """Refuse a tree that does not come from ``parse`` and that it would not read the same."""
    if parse(node.serialise()).tokens() != node.tokens():
        raise TreeError(f"a word of the tree is empty or holds a space: {node.words()}")


def _check_opening(token: str, number: int) -> None:
    """Raise unless a token that contains a bracket is ``[IN:NAME`` or ``[SL:NAME``."""
    at = f"{token!r} at token {number}"
    if not token.startswith("[") or "[" in token[1:] or "]" in token:
        raise TreeError(f"bracket inside a word: {at}; put spaces round ']' and before '['")
    if not token.startswith((OPEN_INTENT, OPEN_SLOT)):
        raise TreeError(f"label without 'IN:' or 'SL:': {at}")
    if len(token) == len(OPEN_INTENT):
        raise TreeError(f"label without a name: {at}")


def _check_nesting(label: str, parent: str | None, number: int) -> None:
    """Raise unless a node may be a child of its parent (``None`` above the root)."""
    is_intent = label.startswith(INTENT_PREFIX)
    if parent is None:
        if not is_intent:
            raise TreeError(f"the root is a slot: '[{label}' at token {number}; a tree's root is an intent")
    elif is_intent == parent.startswith(INTENT_PREFIX):
        found = "intent" if is_intent else "slot"
        where = f"'[{label}' at token {number} is in '[{parent}'"
        raise TreeError(f"{found} directly under {found}: {where}; slots belong in intents, intents in slots")
