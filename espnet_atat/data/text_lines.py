"""Files of two columns with millions of lines, read in blocks as arrays of positions instead of Python strings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_atat.bounded import MOST_IN_A_LINE
from espnet_atat.errors import UserError

BLOCK = 4 << 20  # bytes read at a time
_FEED, _SPACE, _TAB = b"\n \t"
#: By n: what masks a word of eight bytes down to its first n, which belong to a key.
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)
_FACTOR = 0x9E3779B97F4A7C15  # odd, so that multiplying by it loses nothing


@dataclass(frozen=True)
class Block:
    """Some whole lines of a file. All positions are of ``data`` and (lines,).

    Attributes:
        data: the bytes, uint8.
        offset: where they are in the file.
        starts, key_ends, ends: of each line: its key's first byte, the byte after its key, its line feed.
    """

    data: np.ndarray
    offset: int
    starts: np.ndarray
    key_ends: np.ndarray
    ends: np.ndarray

    def key(self, line: int) -> str:
        return self._decode(self.starts[line], self.key_ends[line])

    def value(self, line: int) -> str:
        return self._decode(self.key_ends[line], self.ends[line]).strip()

    def hashes(self) -> np.ndarray:
        """(lines,) uint64 of the keys, as :func:`hash_key` has them."""
        # Eight bytes from every position on; the last ones read zeros behind the data.
        padded = np.concatenate([self.data, np.zeros(8, np.uint8)])
        words = np.ndarray(len(self.data), dtype="<u8", buffer=padded.data, strides=(1,))
        lengths = self.key_ends - self.starts
        found = lengths.astype(np.uint64)
        for at in range(0, int(lengths.max(initial=0)), 8):
            left = np.clip(lengths - at, 0, 8)
            mixed = (found ^ (words[np.minimum(self.starts + at, len(self.data) - 1)] & _MASKS[left])) * np.uint64(
                _FACTOR
            )
            found = np.where(left > 0, mixed ^ (mixed >> np.uint64(29)), found)
        return found

    def _decode(self, start: int, end: int) -> str:
        return self.data[start:end].tobytes().decode("utf-8", errors="replace")


def hash_key(key: bytes) -> int:
    """64 bits of a key."""
    found = len(key)
    for at in range(0, len(key), 8):
        mixed = ((found ^ int.from_bytes(key[at : at + 8], "little")) * _FACTOR) & 0xFFFFFFFFFFFFFFFF
        found = mixed ^ (mixed >> 29)
    return found


def scan_blocks(path: str | Path) -> Iterator[Block]:
    """The lines of a file in its order.

    Raises:
        UserError: an empty line, or one that begins with white space.
    """
    offset, rest = 0, b""
    with Path(path).open("rb") as handle:
        while True:
            read = handle.read(BLOCK)
            content = rest + read if read or not rest or rest.endswith(b"\n") else rest + b"\n"
            cut = content.rfind(b"\n") + 1
            if cut:
                yield _block(content[:cut], offset, path)
            offset, rest = offset + cut, content[cut:]
            if len(rest) > MOST_IN_A_LINE:
                raise UserError(f"{path}: a line of more than {MOST_IN_A_LINE >> 20} MiB; is this a text file?")
            if not read and not rest:
                return


def _block(content: bytes, offset: int, path: str | Path) -> Block:
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data == _FEED)
    starts = np.concatenate([[0], ends[:-1] + 1])
    blanks = np.append(np.flatnonzero((data == _SPACE) | (data == _TAB)), len(data))
    key_ends = np.minimum(blanks[np.searchsorted(blanks, starts)], ends)
    if (bad := np.flatnonzero(key_ends == starts)).size:
        line = content[starts[bad[0]] : ends[bad[0]]]
        raise UserError(f"{path}: a line is empty or begins with white space, not with an id: {line[:80]!r}")
    return Block(data, offset, starts, key_ends, ends)
