"""Sums of features, from which mean and variance of any collection of sets follow without reading it again."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """Number of frames, and sums and sums of squares over them, in double precision: what ``global_mvn`` reads.

    Attributes:
        count: frames.
        sum, sum_square: (dimensions,); 0 of no frames.
    """

    count: int = 0
    sum: np.ndarray = field(default_factory=lambda: np.zeros(()))
    sum_square: np.ndarray = field(default_factory=lambda: np.zeros(()))

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """Of the (frames, dimensions) of an utterance."""
        wide = features.astype(np.float64)
        return cls(len(wide), wide.sum(0), np.einsum("td,td->d", wide, wide))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.count + other.count, self.sum + other.sum, self.sum_square + other.sum_square)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.count - other.count, self.sum - other.sum, self.sum_square - other.sum_square)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of :meth:`save`, or of ESPnet's ``--collect_stats``.

        Raises:
            OSError: the file cannot be opened.
        """
        with np.load(path) as stored:
            return cls(int(stored["count"]), stored["sum"], stored["sum_square"])

    def save(self, path: Path) -> None:
        """Write ESPnet's format."""
        np.savez(path, count=self.count, sum=self.sum, sum_square=self.sum_square)
