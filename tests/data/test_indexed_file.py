"""A file of two columns as a mapping of numbers."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.data.indexed_file import IndexedFile
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=40)
VALUES = st.lists(KEYS, max_size=4).map(" ".join)


@given(rows=st.dictionaries(KEYS, VALUES, min_size=1, max_size=30), block=st.sampled_from([32, 4096]))
def test_it_reads_what_a_dictionary_reads(tmp_path_factory, rows, block):
    file = tmp_path_factory.mktemp("table") / "text"
    write_two_column(file, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("espnet_atat.data.text_lines.BLOCK", block)
        table = IndexedFile(file)
        assert dict(table.items()) == read_two_column(file)
        assert list(table) == sorted(rows)
        assert {key: table[key] for key in rows} == rows
        assert len(table) == len(rows)
        assert "no such key" not in table


def test_it_keeps_numbers_and_no_strings_so_that_workers_share_it(tmp_path):
    write_two_column(tmp_path / "text", {f"slu-set-speaker-{i:07d}": "play " * 20 for i in range(20_000)})
    table = IndexedFile(tmp_path / "text")
    arrays = [value for value in vars(table).values() if hasattr(value, "nbytes")]
    assert sum(array.nbytes for array in arrays) == 20_000 * 12
    assert not any(isinstance(value, list | dict | tuple) for value in vars(table).values())
    copy = pickle.loads(pickle.dumps(table))
    assert copy["slu-set-speaker-0012345"] == table["slu-set-speaker-0012345"] == ("play " * 20).strip()


def test_equal_hashes_are_told_apart(tmp_path, monkeypatch):
    write_two_column(tmp_path / "text", {"a": "1", "b": "2", "c": "3"})
    monkeypatch.setattr("espnet_atat.data.text_lines.Block.hashes", lambda block: block.starts.astype("u8") * 0)
    monkeypatch.setattr("espnet_atat.data.indexed_file.hash_key", lambda _: 0)
    table = IndexedFile(tmp_path / "text")
    assert {key: table[key] for key in "abc"} == {"a": "1", "b": "2", "c": "3"}
    assert "d" not in table


def test_a_line_may_be_longer_than_a_read_and_the_last_needs_no_line_feed_but_no_key_may_stand_twice(tmp_path):
    (tmp_path / "text").write_text(f"a {'x' * 100_000}\nb 2")
    assert [IndexedFile(tmp_path / "text")[key] for key in "ab"] == ["x" * 100_000, "2"]
    (tmp_path / "text").write_text("a 1\nb 2\na 3\n")
    with pytest.raises(UserError, match="id 'a' occurs twice"):
        IndexedFile(tmp_path / "text")
