"""An answer as HTML: tree and attention as pictures, frame, words, alternatives. All text is escaped."""

import io
import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from espnet_atat.semantics.frame import from_tree
from espnet_atat.semantics.tree import Tree, TreeError, parse

if TYPE_CHECKING:
    from espnet_atat.decode.cross_attention import Attention
    from espnet_atat.decode.result import Understanding

# Sizes in pixels of the drawing.
CHARACTER = 7.6  # mean width of the 13 px font
PADDING = 9
GAP = 10
BOX = 26
LEVEL = 54
MARGIN = 8
WIDTH, ROW, SPECTROGRAM = 9.0, 0.2, 1.7  # of the attention's picture, in inches
INTENT_COLOUR, SLOT_COLOUR, WORD_COLOUR, LINE_COLOUR = "#1d4f91", "#a85500", "#222222", "#9aa5b1"


def tree_svg(tree: Tree) -> str:
    """The tree as SVG: intents blue, slots brown, words in a row at the bottom, in the order of the sentence."""
    depth = max(len(path) for path, _ in tree.walk())
    width, height = MARGIN + _width(tree), MARGIN * 2 + depth * LEVEL + BOX
    lines: list[str] = []
    boxes: list[str] = []
    _draw(tree, 0, MARGIN, depth, lines, boxes)
    title = escape(f"tree: {tree.serialise()}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}" width="{width:.0f}" '
        f'height="{height}" viewBox="0 0 {width:.0f} {height}" font-family="system-ui, sans-serif" font-size="13">'
        f"{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _width(node: Tree | str) -> float:
    """Of the space that a word takes, or a node with all below it."""
    if isinstance(node, str):
        return len(node) * CHARACTER + GAP
    return max(len(node.name) * CHARACTER + 2 * PADDING + GAP, sum(map(_width, node.children)))


def _draw(node: Tree | str, level: int, left: float, depth: int, lines: list[str], boxes: list[str]) -> float:
    """Draw a node with all below it, words at level ``depth``; gives the middle of its label."""
    width = _width(node)
    if isinstance(node, str):
        middle = left + width / 2
        boxes.append(_text(node, middle, MARGIN + depth * LEVEL, WORD_COLOUR))
        return middle
    below = []
    start = left + (width - sum(map(_width, node.children))) / 2  # a label may be wider than all below it
    for child in node.children:
        below.append(_draw(child, level + 1, start, depth, lines, boxes))
        start += _width(child)
    label = len(node.name) * CHARACTER + 2 * PADDING
    middle = (below[0] + below[-1]) / 2 if below else left + width / 2
    middle = min(max(middle, left + (label + GAP) / 2), left + width - (label + GAP) / 2)
    y = MARGIN + level * LEVEL
    for child, x in zip(node.children, below, strict=True):
        bottom = MARGIN + (depth if isinstance(child, str) else level + 1) * LEVEL
        # Down to the next level, then straight: so no line to a word runs through the box beside it.
        lines.append(
            f'<polyline points="{middle:.1f},{y + BOX:.1f} {x:.1f},{y + LEVEL:.1f} {x:.1f},{bottom:.1f}" '
            f'fill="none" stroke="{LINE_COLOUR}" stroke-width="1.5"/>'
        )
    boxes.append(
        f'<rect x="{middle - label / 2:.1f}" y="{y:.1f}" width="{label:.1f}" height="{BOX}" rx="5" '
        f'fill="{INTENT_COLOUR if node.is_intent else SLOT_COLOUR}"/>' + _text(node.name, middle, y, "white")
    )
    return middle


def _text(text: str, x: float, y: float, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y + BOX / 2 + 4.5:.1f}" text-anchor="middle" fill="{colour}">{escape(text)}</text>'


def answer_html(results: "Sequence[Understanding]", picture: str | None, seconds: float) -> str:
    """The whole answer.

    Args:
        results: best first; of a recording that was understood in segments, one that has them.
        picture: address of the attention's picture.
        seconds: that it took.
    """
    best = results[0]
    if math.isinf(best.score):  # no hypothesis at all; one without words has its score
        return message_html("Nothing was heard: the recording is silent.")
    parts: list[str] = []
    for segment in best.segments or (best,):
        if best.segments and segment.span is not None:
            parts.append(f"<h3>{segment.span[0]:.1f} to {segment.span[1]:.1f} s</h3>")
        if segment.tree:
            parts += [_section("Tree", _tree(segment.tree)), _section("Frame", _frame(segment.tree))]
        parts += [_section("Words", f'<p class="words">{escape(segment.text) or "(none)"}</p>')]
    if not best.segments:
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


def message_html(text: str, kind: str = "error") -> str:
    return f'<div class="message {kind}" role="{"alert" if kind == "error" else "status"}">{escape(text)}</div>'


def _section(title: str, body: str) -> str:
    return f"<section><h3>{title}</h3>{body}</section>"


def _tree(text: str) -> str:
    try:
        return f'<div class="tree">{tree_svg(parse(text))}</div>'
    except TreeError as error:
        return f'<p>This is not a valid tree ({escape(str(error))}):</p><p class="words">{escape(text)}</p>'


def _frame(text: str) -> str:
    try:
        frame = from_tree(parse(text))
    except TreeError:
        return "<p>There is none without a valid tree.</p>"
    rows = "".join(f"<tr><td>{escape(s.name)}</td><td>{escape(s.value)}</td></tr>" for s in frame.slots)
    slots = f"<tr><th>slot</th><th>value</th></tr>{rows}" if rows else '<tr><td colspan="2">no slots</td></tr>'
    return f'<table class="frame"><tr><th>intent</th><td>{escape(frame.intent)}</td></tr>{slots}</table>'


def _alternatives(results: "Sequence[Understanding]") -> str:
    rows = "".join(
        f'<tr><td class="number">{rank}</td><td class="number">{result.score:.2f}</td>'
        f"<td>{escape(result.line)}</td></tr>"
        for rank, result in enumerate(results, 1)
    )
    return f'<table class="alternatives"><tr><th></th><th>score (log)</th><th>hypothesis</th></tr>{rows}</table>'


def attention_picture(attention: "Attention", features: np.ndarray | None, pieces: Sequence[str]) -> bytes:
    """Where the decoder looked, as a PNG.

    Args:
        features: of speech, log mel (num_frames, 80): its spectrogram is above, on the same time axis.
        pieces: of a text, as the text encoder read it.
    """
    from matplotlib.figure import Figure

    from espnet_atat.report.glance import draw_attention, draw_spectrogram, name_pieces
    from espnet_atat.speech.fbank import FRAME_SECONDS

    height = ROW * len(attention.tokens) + 1.0
    if features is None:
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        draw_attention(axes, attention.mean, attention.tokens)
        name_pieces(axes, pieces)
    else:
        seconds = len(features) * FRAME_SECONDS
        figure = Figure(figsize=(WIDTH, SPECTROGRAM + height), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[SPECTROGRAM, height])
        draw_spectrogram(top, features, seconds)
        draw_attention(bottom, attention.frames(len(features)), attention.tokens, seconds)
        bottom.set(xlabel="seconds")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()
