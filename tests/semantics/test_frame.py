"""Frames read off trees, and flat trees made from frames."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.semantics.frame import Frame, Slot, Span, from_tree, to_tree
from espnet_atat.semantics.tree import TreeError, parse, strip_tags


def test_a_nested_tree_names_slots_by_their_path_and_carrier_words_do_not_count():
    tree = parse("[IN:A to [SL:B [IN:C the [SL:D shore ] near [SL:D town ] ] ] please [SL:D now ] ]")
    inner = Slot("B > C > D", "shore"), Slot("B > C > D", "town")
    assert from_tree(tree) == Frame("A", (Slot("B", "the shore near town"), *inner, Slot("D", "now")))


def test_a_frame_holds_a_multiset():
    one, two = Slot("ROOM", "kitchen"), Slot("ROOM", "hall")
    assert Frame("A", (one, two)) == Frame("A", (two, one))
    assert hash(Frame("A", (one, two))) == hash(Frame("A", (two, one)))
    assert Frame("A", (one, one)) != Frame("A", (one,))
    assert Frame("A", (one,)) != Frame("B", (one,))
    assert Frame("A", (one,)) != Frame("A", (two,))


def test_tags_alone():
    tree = parse("[IN:ACTIVATE the [SL:LOCATION_WASHROOM bathroom ] [SL:OBJECT_LIGHTS ] ]")
    assert from_tree(tree).tags_only() == Frame("ACTIVATE", (Slot("OBJECT_LIGHTS", ""), Slot("LOCATION_WASHROOM", "")))


def test_a_frame_over_its_transcript_and_an_unspoken_slot_where_it_is_told():
    words = ["make", "the", "kitchen", "lights", "blue"]
    tree = to_tree("SET_LIGHT_COLOR", words, [Span("COLOR", 4, 5), Span("ROOM", 2, 3)])
    assert tree.serialise() == "[IN:SET_LIGHT_COLOR make the [SL:ROOM kitchen ] lights [SL:COLOR blue ] ]"
    assert to_tree("IN:SET_LIGHT_COLOR", words, [("SL:COLOR", 4, 5), ("SL:ROOM", 2, 3)]) == tree
    tree = to_tree("ACTIVATE", ["on", "now"], [("X", 1, 2), ("Z", 1, 1), ("Y", 2, 2)])
    assert tree.serialise() == "[IN:ACTIVATE on [SL:Z ] [SL:X now ] [SL:Y ] ]"


@given(
    st.lists(st.sampled_from("abcde"), max_size=8),
    st.lists(st.tuples(st.sampled_from(["R", "S"]), st.integers(0, 8), st.integers(0, 8)), max_size=3),
)
def test_stripping_the_tags_gives_the_transcript_back(words, spans):
    try:
        tree = to_tree("A", words, spans)
    except TreeError:
        inside = all(0 <= start <= end <= len(words) for _, start, end in spans)
        ordered = sorted(spans, key=lambda span: span[1:])
        apart = all(one[2] <= two[1] for one, two in itertools.pairwise(ordered))
        assert not (inside and apart)
        return
    assert strip_tags(tree.serialise()) == words
    expected = sorted(Slot(name, " ".join(words[start:end])) for name, start, end in spans)
    assert sorted(from_tree(tree).slots) == expected


@pytest.mark.parametrize(
    ("intent", "words", "spans", "message"),
    [
        ("A", ["a"], [("B", 0, 2)], "slot B over words 0 to 2 does not lie in a transcript of 1 words"),
        ("A", ["a"], [("B", -1, 1)], "does not lie"),
        ("A", ["a", "b"], [("B", 1, 0)], "does not lie"),
        ("A", ["a", "b"], [("B", 0, 2), ("C", 1, 2)], "slot C over words 1 to 2 overlaps the slot before it"),
        ("A", ["a", "]"], [], "stray"),
        ("A", ["a b"], [], "empty or holds a space"),
        ("A", ["a", ""], [], "empty or holds a space"),
        ("", ["a"], [], "label without a name"),
        ("A", ["a"], [("SL:B]", 0, 1)], "bracket inside a word"),
    ],
)
def test_what_cannot_be_a_tree_is_refused(intent, words, spans, message):
    with pytest.raises(TreeError, match=message):
        to_tree(intent, words, spans)
