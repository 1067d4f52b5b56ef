"""SemER's counts, written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.metrics.semer import SlotMatch, match_slots, semantic_errors
from espnet_atat.semantics.frame import Frame, Slot


def frame(intent: str, *slots: tuple[str, str]) -> Frame:
    return Frame(intent, tuple(Slot(*slot) for slot in slots))


WANTED = frame("PLAY", ("ARTIST", "davis"), ("SONG", "so what"))


@pytest.mark.parametrize(
    ("predicted", "substitutions", "insertions", "deletions"),
    [
        (WANTED, 0, 0, 0),
        (frame("PLAY", ("SONG", "so what"), ("ARTIST", "davis")), 0, 0, 0),  # order is nothing
        (frame("STOP", ("ARTIST", "davis"), ("SONG", "so what")), 1, 0, 0),  # a wrong intent
        (frame("PLAY", ("ARTIST", "miles"), ("SONG", "so what")), 1, 0, 0),  # a wrong value
        (frame("PLAY", ("ARTIST", "davis")), 0, 0, 1),
        (frame("PLAY", ("ARTIST", "davis"), ("SONG", "so what"), ("SONG", "so what")), 0, 1, 0),
        (frame("PLAY", ("ARTIST", "davis"), ("ALBUM", "so what")), 0, 1, 1),  # another name: no pair
        (frame("STOP", ("ALBUM", "davis")), 1, 1, 2),
        (None, 1, 0, 2),  # an invalid prediction: no intent, no slots
    ],
)
def test_examples(predicted, substitutions, insertions, deletions):
    slots = match_slots(WANTED.slots, predicted.slots if predicted else ())
    assert semantic_errors(WANTED, predicted, slots) == (substitutions, insertions, deletions)


def test_equal_values_are_matched_before_the_rest_is_paired():
    wanted = frame("A", ("S", "x"), ("S", "y"), ("S", "z"))
    predicted = frame("A", ("S", "y"), ("S", "w"))
    matches = match_slots(wanted.slots, predicted.slots)
    assert matches == {"S": SlotMatch(matched=1, substituted=1, deleted=1, inserted=0)}
    assert (matches["S"].reference, matches["S"].predicted) == (3, 2)


slots = st.lists(st.builds(Slot, st.sampled_from("RS"), st.sampled_from("xyz")), max_size=5)


@given(slots, slots)
def test_every_slot_is_counted_once_on_its_side(wanted, predicted):
    matches = match_slots(wanted, predicted).values()
    assert sum(match.reference for match in matches) == len(wanted)
    assert sum(match.predicted for match in matches) == len(predicted)
    assert all(match.deleted == 0 or match.inserted == 0 for match in matches)
    one, other = Frame("A", tuple(wanted)), Frame("A", tuple(predicted))
    errors = semantic_errors(one, other, match_slots(wanted, predicted))
    assert (sum(errors) == 0) == (one == other)
