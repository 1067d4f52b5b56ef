"""An answer as HTML: the tree as a picture, the frame as a table, words, alternatives. All text is escaped."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from espnet_atat.semantics.frame import from_tree
from espnet_atat.semantics.tree import Node, TreeError, parse

if TYPE_CHECKING:
    from espnet_atat.decode.result import Understanding

# Sizes in pixels of the drawing.
CHARACTER = 7.6  # mean width of the 13 px font
PADDING = 9
GAP = 10
BOX = 26
LEVEL = 54
MARGIN = 8
INTENT_COLOUR, SLOT_COLOUR, WORD_COLOUR, LINE_COLOUR = "#1d4f91", "#a85500", "#222222", "#9aa5b1"


@dataclass(frozen=True)
class _Box:
    """A label with the middle of its top."""

    label: str
    x: float
    y: float
    width: float
    colour: str
    children: "tuple[_Box, ...]"


def tree_svg(tree: Node) -> str:
    """The tree as SVG: intents blue, slots brown, words in a row at the bottom, in the order of the sentence."""
    depth = max(len(path) for path, _ in tree.walk())
    root, width = _place(tree, 0, MARGIN, depth)
    height = MARGIN * 2 + depth * LEVEL + BOX
    lines: list[str] = []
    boxes: list[str] = []
    waiting = [root]
    while waiting:
        box = waiting.pop()
        waiting.extend(box.children)
        for child in box.children:
            # Down to the next level, then straight: so no line to a word runs through the box beside it.
            lines.append(
                f'<polyline points="{box.x:.1f},{box.y + BOX:.1f} {child.x:.1f},{box.y + LEVEL:.1f} '
                f'{child.x:.1f},{child.y:.1f}" fill="none" stroke="{LINE_COLOUR}" stroke-width="1.5"/>'
            )
        boxes.append(_box_svg(box))
    title = escape(f"tree: {tree.serialise()}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}" width="{width:.0f}" '
        f'height="{height}" viewBox="0 0 {width:.0f} {height}" font-family="system-ui, sans-serif" font-size="13">'
        f"{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _place(node: Node, level: int, left: float, depth: int) -> tuple[_Box, float]:
    """A node's box with all below it, and where the space that they take ends. Words stand at level ``depth``."""
    right, children = left, []
    for child in node.children:
        if isinstance(child, Node):
            box, right = _place(child, level + 1, right, depth)
        else:
            wide = len(child) * CHARACTER + GAP
            box = _Box(child, right + wide / 2, MARGIN + depth * LEVEL, wide, WORD_COLOUR, ())
            right += wide
        children.append(box)
    width = len(node.name) * CHARACTER + 2 * PADDING
    missing = left + width + GAP - right
    if missing > 0:  # the label is wider than all below it: move that to the label's middle
        children = [_moved(child, missing / 2) for child in children]
        right += missing
    middle = (children[0].x + children[-1].x) / 2 if children else (left + right) / 2
    middle = min(max(middle, left + (width + GAP) / 2), right - (width + GAP) / 2)
    colour = INTENT_COLOUR if node.is_intent else SLOT_COLOUR
    return _Box(node.name, middle, MARGIN + level * LEVEL, width, colour, tuple(children)), right


def _moved(box: _Box, by: float) -> _Box:
    return _Box(box.label, box.x + by, box.y, box.width, box.colour, tuple(_moved(child, by) for child in box.children))


def _box_svg(box: _Box) -> str:
    middle = f'x="{box.x:.1f}" y="{box.y + BOX / 2 + 4.5:.1f}" text-anchor="middle"'
    if box.colour == WORD_COLOUR:
        return f'<text {middle} fill="{WORD_COLOUR}">{escape(box.label)}</text>'
    return (
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{BOX}" rx="5"'
        f' fill="{box.colour}"/><text {middle} fill="white">{escape(box.label)}</text>'
    )


def answer_html(results: "Iterable[Understanding]", picture: str | None, seconds: float) -> str:
    """The whole answer.

    Args:
        results: best first.
        picture: of the attention, a PNG as a data URL; None where there is none.
        seconds: that it took.
    """
    results = list(results)
    best = results[0]
    if math.isinf(best.score):  # no hypothesis at all; one without words has its score
        return message_html("Nothing was heard: the recording is silent.")
    parts = []
    if best.tree:
        parts += [_section("Tree", _tree(best.tree)), _section("Frame", _frame(best.tree))]
    parts += [_section("Words", f'<p class="words">{escape(best.text) or "(none)"}</p>')]
    parts += [_section("Alternatives", _alternatives(results))]
    if picture is not None:
        parts.append(
            _section(
                "Attention",
                f'<img alt="where the decoder looked for each token" src="{picture}">'
                '<p class="note">Each row is a token of the answer; dark is where the decoder looked to find it.</p>',
            )
        )
    parts.append(f'<p class="note">{seconds:.1f} s on this machine</p>')
    return f'<div class="answer">{"".join(parts)}</div>'


def message_html(text: str) -> str:
    """Something that a person should know."""
    return f'<div class="message" role="alert">{escape(text)}</div>'


def _section(title: str, body: str) -> str:
    return f"<section><h3>{title}</h3>{body}</section>"


def _tree(text: str) -> str:
    try:
        return f'<div class="tree">{tree_svg(parse(text))}</div>'
    except TreeError as error:
        return f'<p>This is no valid tree ({escape(str(error))}):</p><p class="words">{escape(text)}</p>'


def _frame(text: str) -> str:
    try:
        frame = from_tree(parse(text))
    except TreeError:
        return "<p>There is none without a valid tree.</p>"
    rows = "".join(f"<tr><td>{escape(s.name)}</td><td>{escape(s.value)}</td></tr>" for s in frame.slots)
    slots = f"<tr><th>slot</th><th>value</th></tr>{rows}" if rows else '<tr><td colspan="2">no slots</td></tr>'
    return f'<table class="frame"><tr><th>intent</th><td>{escape(frame.intent)}</td></tr>{slots}</table>'


def _alternatives(results: "list[Understanding]") -> str:
    rows = "".join(
        f'<tr><td class="number">{rank}</td><td class="number">{result.score:.2f}</td>'
        f"<td>{escape(result.line)}</td></tr>"
        for rank, result in enumerate(results, 1)
    )
    return f'<table class="alternatives"><tr><th></th><th>score (log)</th><th>hypothesis</th></tr>{rows}</table>'
