"""Reading files that others wrote: one that never ends, or is far too large, is refused before it fills memory."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from espnet_atat.errors import UserError

MOST_BYTES = 2**30  # of a table, transcript or other file that is read whole
MOST_PIPED = 2**28  # of what has no size of its own, such as a pipe or a device
MOST_IN_A_LINE = 2**24  # bytes
PIECE = 2**20  # bytes at a time: read(N) takes the memory of N bytes, however few there are


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_small(path: Path, limit: int, where: str) -> bytes:
    """The bytes of a plain file of at most ``limit`` bytes; a pipe or a device is refused."""
    if not path.is_file():
        raise UserError(f"{where}: {'not a plain file' if path.exists() else 'no such file'}")
    if (size := path.stat().st_size) > limit:
        raise UserError(f"{where}: refused: {size} bytes, more than the {limit} of any such file")
    return path.read_bytes()


def read_whole(path: str | Path) -> bytes:
    """The bytes of a file or a pipe.

    Raises:
        UserError: it has more than a table of millions of lines would.
        OSError: there is no such file.
    """
    with Path(path).open("rb") as handle:
        return read_handle(handle, str(path), MOST_BYTES if Path(path).is_file() else MOST_PIPED)


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """The hexadecimal digest of a file of any size."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def read_handle(handle: Readable, name: str, limit: int = MOST_PIPED) -> bytes:
    """The rest of an open file, at most ``limit`` bytes; ``name`` is for the error."""
    pieces, size = [], 0
    while piece := handle.read(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise UserError(f"{name}: more than {limit >> 20} MiB, or without an end; is this the right file?")
    return b"".join(pieces)


def numbered_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Lines of a file of any size, each with its number, from 1, and its line feed."""
    with Path(path).open("rb") as handle:
        yield from enumerate(lines_of(handle, str(path)), start=1)


def lines_of(handle: BinaryIO, name: str) -> Iterator[bytes]:
    """Lines of an open file; one that is longer than any text's is an error."""
    number = 1
    while line := handle.readline(MOST_IN_A_LINE + 1):
        if len(line) > MOST_IN_A_LINE:
            raise UserError(f"{name}:{number}: a line of more than {MOST_IN_A_LINE >> 20} MiB; is this a text file?")
        yield line
        number += 1
