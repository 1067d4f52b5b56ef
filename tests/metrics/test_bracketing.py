"""TOP's bracketing on hand-made trees."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.metrics.bracketing import brackets, matching

REFERENCE = "[IN:GET to [SL:PLACE [IN:FIND the [SL:KIND fair ] ] ] [SL:DATE now ] ]"


def of(text: str):
    return brackets(text.split())


def test_nodes_of_a_nested_tree():
    inner = [("[SL:PLACE", (1, 3)), ("[IN:FIND", (1, 3)), ("[SL:KIND", (2, 3)), ("[SL:DATE", (3, 4))]
    assert of(REFERENCE).labelled == Counter([("[IN:GET", (0, 4)), *inner])


@pytest.mark.parametrize(
    ("predicted", "labelled", "subtrees", "nodes"),
    [
        (REFERENCE, 5, 5, 5),
        # A wrong word leaves every span as it was, but not the subtrees round it: DATE alone is whole.
        (REFERENCE.replace("fair", "fare"), 5, 1, 5),
        # A word missing before DATE moves it, and shortens whatever held the word: nothing but FIND's start stays.
        ("[IN:GET to [SL:PLACE [IN:FIND [SL:KIND fair ] ] ] [SL:DATE now ] ]", 0, 0, 5),
        # A wrong label inside: the other four keep label and span; DATE and no ancestor of it keeps its subtree.
        (REFERENCE.replace("KIND", "NAME"), 4, 1, 5),
        # A flat reading: root, PLACE and DATE are right; PLACE's subtree lacks FIND.
        ("[IN:GET to [SL:PLACE the fair ] [SL:DATE now ] ]", 3, 1, 3),
        ("[IN:GET ]", 0, 0, 1),
    ],
)
def test_matching_nodes(predicted, labelled, subtrees, nodes):
    assert matching(of(REFERENCE), of(predicted)) == (labelled, subtrees)
    assert of(predicted).nodes == nodes


def test_a_node_without_words_has_no_span_wherever_it_stands():
    wanted, predicted = of("[IN:ON [SL:LIGHTS ] now ]"), of("[IN:ON now [SL:LIGHTS ] ]")
    assert wanted.labelled == predicted.labelled == Counter({("[IN:ON", (0, 1)): 1, ("[SL:LIGHTS", None): 1})
    assert matching(wanted, predicted) == (2, 1)  # the root's subtree differs
    # A word inside gives it a span: no match.
    assert matching(wanted, of("[IN:ON [SL:LIGHTS now ] ]")) == (1, 0)


def test_repeated_labels_are_a_multiset():
    wanted = of("[IN:A [SL:B ] [SL:B ] x ]")
    assert wanted.labelled["[SL:B", None] == 2
    assert matching(wanted, of("[IN:A [SL:B ] x ]")) == (2, 1)
    assert matching(wanted, of("[IN:A [SL:B ] [SL:B ] [SL:B ] x ]")) == (3, 2)
    # Equal labels one inside the other, over equal spans, are two nodes.
    twice = of("[IN:A [SL:B [IN:A [SL:B x ] ] ] ]")
    assert twice.labelled == Counter({("[IN:A", (0, 1)): 2, ("[SL:B", (0, 1)): 2})
    assert matching(twice, of("[IN:A [SL:B x ] ]")) == (2, 2)  # the inner pair


flat = st.lists(st.sampled_from(["x", "[SL:B y ]", "[SL:B ]", "[SL:C [IN:D z ] ]"]), max_size=5).map(
    lambda parts: " ".join(["[IN:A", *parts, "]"])
)


@given(flat, flat)
def test_a_whole_subtree_is_harder_to_match(one, other):
    labelled, subtrees = matching(of(one), of(other))
    assert subtrees <= labelled <= min(of(one).nodes, of(other).nodes)
    assert (subtrees == of(one).nodes == of(other).nodes) == (one == other)
    assert matching(of(other), of(one)) == (labelled, subtrees)
