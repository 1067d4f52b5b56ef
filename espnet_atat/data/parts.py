"""Where to cut the rows of a batch, sorted by length, so that each part is padded by itself.

As one tensor, a batch of sentences of 15 s and commands of 3 s would be mostly padding. So the encoder takes it in a
few parts of similar length: as few as keep padding below :data:`ENOUGH`. On a GPU, where a part's many small kernels
take longer to launch than to compute, each further part has to save more padding than :data:`PART_COSTS`.

M batches, R rows, P parts.
"""

from collections.abc import Sequence

import numpy as np

ENOUGH = 0.06  # share of padding below which no further part is made
MAX_PARTS = 4
#: Audio frames, or text pieces, that a GPU computes while the host launches the kernels of one more part.
PART_COSTS = {"speech": 10_000, "text_in": 3_000}


def cut_by_length(lengths: Sequence[int], max_parts: int = MAX_PARTS, part_cost: int = 0) -> list[int]:
    """Numbers of rows of the parts, of rows sorted by falling length.

    Args:
        part_cost: padding that a part must save to be made; 0: parts are made until padding is below :data:`ENOUGH`.
    """
    if not len(lengths):
        return []
    ordered = np.sort(np.asarray(lengths))[::-1]
    costs, cuts = _costs(ordered[None], np.array([len(ordered)]), max_parts)
    if part_cost:
        last = int((costs[:, 0] + part_cost * np.arange(max_parts)).argmin())
    else:
        last = int(_chosen(costs, np.array([ordered.sum()]))[0][0])
    parts, end = [], len(ordered)
    for part in range(last, -1, -1):
        start = int(cuts[part][end]) if part else 0
        if start < end:
            parts.append(end - start)
        end = start
    return parts[::-1]


def padded_sizes(lengths: np.ndarray, rows: np.ndarray, max_parts: int = MAX_PARTS) -> np.ndarray:
    """Frames with padding of many batches.

    Args:
        lengths: (M, R), each row falling, zeros behind its end.
        rows: (M,) of each.
    """
    costs, _ = _costs(lengths, rows, max_parts)
    return _chosen(costs, lengths.sum(1))[1]


def _costs(lengths: np.ndarray, rows: np.ndarray, max_parts: int) -> tuple[np.ndarray, np.ndarray]:
    """(P, M) least padded sizes of 1 to P parts; and, for one batch, (P, R + 1): where the last part of n starts."""
    batches, width = lengths.shape
    every = np.arange(batches)
    wide = lengths.astype(np.float32)
    best = np.zeros((batches, width + 1), np.float32)  # of the first n rows in one part
    best[:, 1:] = wide[:, :1] * np.arange(1, width + 1, dtype=np.float32)
    costs, cuts = [best[every, rows]], np.zeros((max_parts, width + 1), int)
    for part in range(1, max_parts):
        longer = best.copy()
        for end in range(2, width + 1):
            starts = np.arange(end, dtype=np.float32)
            options = best[:, :end] + wide[:, :end] * (end - starts)  # the last part begins at each row
            longer[:, end] = options.min(1)
            if batches == 1:
                cuts[part, end] = int(options[0].argmin())
        best = longer
        costs.append(best[every, rows])
    return np.array(costs), cuts


def _chosen(costs: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M,) number of parts less one, and padded sizes: the fewest parts with little padding, else the most."""
    enough = costs * (1 - ENOUGH) <= used
    part = np.where(enough.any(0), enough.argmax(0), len(costs) - 1)
    return part, costs[part, np.arange(costs.shape[1])]
