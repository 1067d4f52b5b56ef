"""A file of two columns as a mapping that keeps numbers, not strings: what data-loading workers share.

A dictionary of millions of strings takes gigabytes, and every worker that reads it ends up with a copy of its own,
because reading a string changes its reference count. Here a hash of the key gives the line's place in the file, and the
line is read on demand.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.data.text_lines import hash_key, scan_blocks
from espnet_atat.errors import UserError

_READ = 512  # bytes; a longer line takes a second read


class IndexedFile(Mapping[str, str]):
    """Key to value, white space around it stripped, of a file that stays as it is.

    Args:
        path: the file, which is kept open.

    Raises:
        UserError: a key occurs twice, or a line has none.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        hashes, starts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for block in scan_blocks(path):
            hashes.append(block.hashes())
            starts.append(block.starts + block.offset)
        joined = np.concatenate(hashes)
        order = np.argsort(joined, kind="stable")
        small = self.path.stat().st_size < 2**32
        self._hashes = joined[order]
        self._starts = np.concatenate(starts)[order].astype(np.uint32 if small else np.uint64)
        self._open()
        for index in np.flatnonzero(self._hashes[1:] == self._hashes[:-1]).tolist():
            key = self._line(index)[0]
            if key == self._line(index + 1)[0]:
                raise UserError(f"{path}: id {key.decode()!r} occurs twice; every id may occur once")

    def __len__(self) -> int:
        return len(self._hashes)

    def __iter__(self) -> Iterator[str]:
        """Keys in the file's order."""
        return (key for key, _ in self.items())

    def items(self) -> Iterator[tuple[str, str]]:  # type: ignore[override]
        """Keys and values in the file's order, in one reading."""
        for block in scan_blocks(self.path):
            for line in block.data.tobytes().split(b"\n")[:-1]:
                key, value = _parted(line)
                yield key.decode("utf-8"), value.decode("utf-8").strip()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __getitem__(self, key: str) -> str:
        value = self._find(key)
        if value is None:
            raise KeyError(key)
        return value

    def _find(self, key: str) -> str | None:
        wanted = key.encode()
        number = np.uint64(hash_key(wanted))
        index = int(np.searchsorted(self._hashes, number))
        while index < len(self._hashes) and self._hashes[index] == number:
            found, value = self._line(index)
            if found == wanted:
                return value.decode("utf-8").strip()
            index += 1
        return None

    def _line(self, index: int) -> tuple[bytes, bytes]:
        # pread: the processes that share the open file share no position in it.
        start = int(self._starts[index])
        line = os.pread(self._file.fileno(), _READ, start)
        while b"\n" not in line and (more := os.pread(self._file.fileno(), 64 * _READ, start + len(line))):
            line += more
        return _parted(line.partition(b"\n")[0])

    def _open(self) -> None:
        self._file = self.path.open("rb")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def _parted(line: bytes) -> tuple[bytes, bytes]:
    key, *value = line.split(maxsplit=1)
    return key, value[0] if value else b""
