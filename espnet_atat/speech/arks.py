"""Reading features from Kaldi's arks."""

import re
import struct
from pathlib import Path

import kaldiio
import numpy as np

from espnet_atat.errors import UserError

#: What stage 6 writes: ``path.ark:offset``, perhaps with Kaldi's ``[first:last]`` of the frames behind it.
ENTRY = re.compile(r"(?P<path>[^|]+):(?P<offset>\d+)(\[[\d:,]*\])?")
BINARY = b"\0B"  # how Kaldi's binary matrices begin; kaldiio reads audio and numpy's files, too
DAMAGED = (OSError, ValueError, EOFError, RuntimeError, AssertionError, MemoryError, OverflowError, struct.error)


def read_features(entry: str) -> np.ndarray:
    """Features that an entry of ``feats.scp`` names, shape (num_frames, size).

    Kaldi's tools, and kaldiio, would run an entry with a ``|`` in a shell. Here an entry is a place in a file.

    Raises:
        UserError: the entry is not such a place, or no features are found at it.
    """
    match = ENTRY.fullmatch(entry.strip())
    if match is None:
        raise UserError(
            f"{entry!r} in feats.scp is not a place in an ark, path:offset; write features to arks (stage 6)"
        )
    if not Path(match["path"]).is_file():
        raise UserError(f"no such file: {match['path']}; run stage 6")
    try:
        with Path(match["path"]).open("rb") as handle:
            handle.seek(int(match["offset"]))
            if handle.read(len(BINARY)) != BINARY:
                raise ValueError("no binary matrix begins there")
        features = np.asarray(kaldiio.load_mat(entry.strip()))
    except DAMAGED as error:
        raise UserError(f"{entry}: cannot be read as Kaldi features ({type(error).__name__}: {error})") from error
    if features.ndim != 2 or not np.isfinite(features).all():
        raise UserError(f"{entry}: not a matrix of finite features, but shape {features.shape}; run stage 6 again")
    return features
