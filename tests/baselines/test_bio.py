"""Tags of trees, trees of tags, and what has none."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_atat.baselines.bio import Tagging, read_examples, spans, tags_of_tree, tree_of_tags
from espnet_atat.errors import UserError
from espnet_atat.semantics.frame import Span
from espnet_atat.semantics.frame import to_tree as tree_of_frame
from espnet_atat.semantics.tree import TreeError, parse
from tests.baselines.corpus import write_set

NESTED = "[IN:GO to [SL:PLACE [IN:FIND the [SL:KIND shore ] ] ] ]"


def test_worked_examples() -> None:
    example = tags_of_tree(parse("[IN:PLAY play [SL:SONG paper moon ] [SL:SONG blue ] now ]"))
    assert example.words == ("play", "paper", "moon", "blue", "now")
    assert example.tagging == Tagging("[IN:PLAY ]", ("O", "B-SONG", "I-SONG", "B-SONG", "O"))
    # A slot that no word speaks belongs to the class, and comes back at the end.
    example = tags_of_tree(parse("[IN:INCREASE louder [SL:OBJECT_VOLUME ] please ]"))
    assert example.tagging == Tagging("[IN:INCREASE [SL:OBJECT_VOLUME ] ]", ("O", "O"))
    tree = tree_of_tags(example.words, example.tagging)
    with pytest.raises(ValueError, match="1 tags for 2 words"):
        tree_of_tags(["a", "b"], Tagging("[IN:X ]", ("O",)))
    assert tree.serialise() == "[IN:INCREASE louder please [SL:OBJECT_VOLUME ] ]"


@st.composite
def flat_trees(draw: st.DrawFn) -> str:
    """Flat trees over up to eight words, unspoken slots at the end."""
    words = draw(st.lists(st.sampled_from(["a", "b", "it's", "o", "b-x"]), max_size=8))
    ends = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    names = st.sampled_from(["X", "Y", "X-Y"])
    slots = [Span(draw(names), *edge) for edge in pairwise(ends) if draw(st.booleans())]
    unspoken = [Span(name, len(words), len(words)) for name in draw(st.lists(names, max_size=2))]
    return tree_of_frame(draw(st.sampled_from(["PLAY", "STOP"])), words, slots + unspoken).serialise()


@settings(deadline=None, max_examples=50)
@given(flat_trees())
def test_tags_and_class_hold_the_whole_tree(line: str) -> None:
    example = tags_of_tree(parse(line))
    assert tree_of_tags(example.words, example.tagging).serialise() == line


def test_an_inside_that_continues_nothing_opens_a_slot() -> None:
    assert spans(["I-X", "I-X", "O"]) == [Span("X", 0, 2)]
    assert spans(["B-X", "I-Y"]) == [Span("X", 0, 1), Span("Y", 1, 2)]
    assert spans(["B-X", "O", "I-X"]) == [Span("X", 0, 1), Span("X", 2, 3)]


def test_sets_without_trees_or_with_broken_or_nested_ones_are_refused(tmp_path) -> None:
    data = write_set(tmp_path / "set", ("[IN:GO go ]",))
    (data / "target").write_text("utt00 [IN:GO go\n")
    with pytest.raises(UserError, match=r"target:1: utterance 'utt00': unclosed bracket"):
        read_examples([data])
    (data / "target").unlink()
    with pytest.raises(UserError, match="no file 'target'"):
        read_examples([data])
    with pytest.raises(TreeError, match=r"nested tree: \[IN:FIND is inside \[SL:PLACE"):
        tags_of_tree(parse(NESTED))
    assert tags_of_tree(parse(NESTED), "outermost").tagging == Tagging("[IN:GO ]", ("O", "B-PLACE", "I-PLACE"))
    data = write_set(tmp_path / "nested", ("[IN:GO go ]", NESTED))
    assert len(read_examples([data], "outermost")) == 2
    with pytest.raises(UserError, match=r"target:2: utterance 'utt01': nested tree: \[IN:FIND is inside \[SL:PLACE"):
        read_examples([data])
