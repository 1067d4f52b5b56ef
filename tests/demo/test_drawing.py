"""What the page shows: positions that a person can read, and nothing of a text taken for HTML."""

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
from matplotlib.figure import Figure

from espnet_atat.decode.cross_attention import Attention
from espnet_atat.decode.result import NOTHING_HEARD, Understanding, frame_of
from espnet_atat.demo.drawing import answer_html, attention_picture, message_html, tree_svg
from espnet_atat.semantics.tree import parse

NESTED = "[IN:A_VERY_LONG_INTENT_NAME go [SL:B [IN:C to [SL:D ] ] ] now ]"
SVG = "{http://www.w3.org/2000/svg}"


def understanding(tree: str, score: float = -1.5) -> Understanding:
    words = " ".join(token for token in tree.split() if token[0] not in "[]")
    return Understanding(tree, frame_of(tree), words, score, tuple(tree.split()))


def test_words_stand_in_order_and_boxes_neither_overlap_nor_leave_the_picture():
    drawing = ElementTree.fromstring(tree_svg(parse(NESTED)))
    width, height = float(drawing.get("width")), float(drawing.get("height"))
    labels = [(text.text, float(text.get("x")), float(text.get("y"))) for text in drawing.iter(f"{SVG}text")]
    names = ["A_VERY_LONG_INTENT_NAME", "B", "C", "D"]
    assert sorted(label for label, _, _ in labels) == sorted([*names, "go", "to", "now"])
    words = sorted((x, label, y) for label, x, y in labels if label in ("go", "to", "now"))
    assert [label for _, label, _ in words] == ["go", "to", "now"]
    assert len({y for *_, y in words}) == 1
    boxes = list(drawing.iter(f"{SVG}rect"))
    assert len(boxes) == 4
    for box in boxes:
        x, y, wide = (float(box.get(name)) for name in ("x", "y", "width"))
        assert 0 <= x <= x + wide <= width
        assert 0 <= y < height
    # Boxes beside each other do not overlap.
    drawing = ElementTree.fromstring(tree_svg(parse("[IN:X [SL:LONG_NAME a ] [SL:ANOTHER_LONG_NAME b ] [SL:C ] ]")))
    boxes = [(float(b.get("y")), float(b.get("x")), float(b.get("width"))) for b in drawing.iter(f"{SVG}rect")]
    for (y, x, width), (next_y, next_x, _) in pairwise(sorted(boxes)):
        assert y != next_y or x + width < next_x


def test_an_answer_holds_tree_frame_words_and_alternatives():
    best = understanding("[IN:PLAY play [SL:SONG paper moon ] ]")
    html = answer_html([best, understanding("[IN:STOP stop ]", -7.25)], "/attention/a.png", 0.3)
    titles = re.findall(r"<h3>(.*?)</h3>", html)
    assert titles == ["Tree", "Frame", "Words", "Alternatives", "Attention"]
    assert "<td>SONG</td><td>paper moon</td>" in html
    assert "-7.25" in html
    words = Understanding("", None, "paper moon", -1.0, ("▁paper", "▁moon"))
    assert re.findall(r"<h3>(.*?)</h3>", answer_html([words], None, 0.1)) == ["Words", "Alternatives"]
    assert "not a valid tree (unclosed bracket" in answer_html([understanding("[IN:PLAY play")], None, 0.1)


def test_of_a_recording_that_was_cut_each_segment_is_shown():
    both = [understanding("[IN:PLAY play ]"), understanding("[IN:STOP stop ]")]
    spans = ((0.5, 2.25), (3.0, 4.0))
    joined = Understanding.joined([replace(each, span=span) for each, span in zip(both, spans, strict=True)])
    titles = re.findall(r"<h3>(.*?)</h3>", answer_html([joined], None, 0.1))
    assert titles == ["0.5 to 2.2 s", "Tree", "Frame", "Words", "3.0 to 4.0 s", "Tree", "Frame", "Words"]


def test_text_is_never_taken_for_html_nor_noise_for_silence():
    evil = "<img src=x onerror=alert(1)>"
    word = evil.replace(" ", "")
    assert "<img" not in answer_html([understanding(f"[IN:A {word} [SL:B {word} ] ]")], None, 0.1)
    assert "<img" not in message_html(evil)
    # Noise in which no word is found is not silence.
    page = answer_html([replace(NOTHING_HEARD, score=-2.0)], None, 0.1)
    assert "silent" not in page
    assert "silent" in answer_html([NOTHING_HEARD], None, 0.1)
    assert "(none)" in page


def test_pictures_of_attention_have_a_row_a_token(monkeypatch):
    weights = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 2, 3)).astype(np.float32)
    attention = Attention(("▁a", "]", "<eos>"), weights, 8)
    assert attention_picture(attention, None, ["[CLS]", "x", "y", "z", "[SEP]"]).startswith(b"\x89PNG")
    assert attention_picture(attention, None, ["[CLS]", "$$", "$_$", "\\z", "[SEP]"])  # no mathematics
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    attention_picture(attention, np.random.default_rng(1).normal(size=(43, 80)), ())
    attention_picture(attention, None, ["[CLS]", "x", "y", "z", "[SEP]"])
    (spectrogram, rows), (text,) = (figure.axes for figure in figures)
    assert [label.get_text() for label in rows.get_yticklabels()] == ["a", "]", "<eos>"]
    assert spectrogram.get_xlim() == rows.get_xlim() == (0, 0.43)
    assert [label.get_text() for label in text.get_xticklabels()] == ["[CLS]", "x", "y", "z", "[SEP]"]
