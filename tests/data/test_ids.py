"""Ids in one buffer."""

from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.data.ids import Ids


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=20))
def test_they_are_what_went_in(ids):
    prefixed = [f"slu-ü-{one}" for one in ids]
    found = Ids.of(prefixed, "slu-ü-")
    assert list(found) == prefixed
    assert found[:] == prefixed
    assert len(found) == len(ids)
