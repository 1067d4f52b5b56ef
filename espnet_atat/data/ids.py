"""Millions of ids in one buffer of bytes."""

from collections.abc import Sequence

import numpy as np


class Ids(Sequence[str]):
    """Ids that begin alike, by number.

    Args:
        prefix: what every id begins with.
        rest: the bytes behind the prefix, one id after the other, uint8.
        ends: (n,) where each id ends in ``rest``.
    """

    def __init__(self, prefix: str, rest: np.ndarray, ends: np.ndarray):
        self.prefix = prefix
        self._rest = rest
        self._bounds = np.concatenate([[0], ends]).astype(np.uint32 if len(rest) < 2**32 else np.uint64)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, index: int) -> str:  # type: ignore[override]  # nobody asks for a slice
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.prefix + self._rest[self._bounds[index] : self._bounds[index + 1]].tobytes().decode()
