"""Files of others: what is read at once, and what is refused."""

import io

import pytest

from espnet_atat.bounded import MOST_IN_A_LINE, PIECE, lines_of, read_handle
from espnet_atat.errors import UserError


class Pieces(io.BytesIO):
    """``read(N)`` of a file takes the memory of N bytes at once, which ``ulimit -v`` may not allow."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= PIECE
        return super().read(size)


def test_a_file_is_read_in_pieces_up_to_its_limit():
    content = bytes(2 * PIECE + 5)
    assert read_handle(Pieces(content), "x", len(content)) == content
    with pytest.raises(UserError, match="x: more than 2 MiB"):
        read_handle(Pieces(content), "x", 2 * PIECE)


def test_a_line_has_a_limit():
    content = b"a\n" + bytes(MOST_IN_A_LINE) + b"\n"
    with pytest.raises(UserError, match="x:2: a line of more than 16 MiB"):
        list(lines_of(io.BytesIO(content), "x"))
    assert list(lines_of(io.BytesIO(content[:9]), "x")) == [b"a\n", bytes(7)]
