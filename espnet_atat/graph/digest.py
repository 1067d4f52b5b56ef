"""Fingerprints of data: the same content has the same one, wherever and whenever it was made."""

import hashlib
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.bounded import file_hash
from espnet_atat.datadir import SEGMENTS, holds, read_two_column
from espnet_atat.errors import UserError

#: Leading characters of a hash that represent it.
LENGTH = 8
#: Of a dump dir: sums of its features (``speech.feature_sums``).
SUMS_FILE = "feats_stats.npz"
#: Read of each ark: a thousand hours need not be read again.
HEAD = 1 << 16
#: Audio files looked into, of a set that is read as audio.
SAMPLED = 200


def content_hash(content: Any) -> str:
    """SHA-256 of anything that JSON can write; the order of keys does not matter."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest(content: Any) -> str:
    """The beginning of its hash, for names."""
    return content_hash(content)[:LENGTH]


def file_digest(path: Path) -> str:
    """Hash of a file's bytes."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file")
    try:
        return _file_digest(path.absolute(), path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise UserError(f"{path}: No such file or directory; if a stage makes it, run that stage first") from error


@cache
def _file_digest(path: Path, _changed: int) -> str:
    return file_hash(path)[:LENGTH]


def features_digest(folder: Path) -> str:
    """Fingerprint of a dump dir: names, sizes, heads, sums of its arks, or lengths and heads of some of its audio."""
    if holds(folder, "feats.scp"):
        heads = {ark.name: _head(ark) for ark in sorted((folder / "data").glob("*.ark"))}
        if not heads:  # of features that somebody else computed
            with (folder / "feats.scp").open(encoding="utf-8") as scp:
                first = scp.readline().strip().partition(" ")[2].rpartition(":")[0]
            if not Path(first).is_file():
                raise UserError(f"{folder}/feats.scp:1: no such file: {first}; run stage 6 again (--force)")
        return digest([file_digest(folder / "utt2num_frames"), heads, *_sums(folder / SUMS_FILE)])
    if holds(folder, "wav.scp"):
        paths = [Path(path) for path in read_two_column(folder / "wav.scp").values()]
        some = paths[:: max(1, len(paths) // SAMPLED)]
        cuts = [file_digest(folder / SEGMENTS)] if holds(folder, SEGMENTS) else []
        return digest([file_digest(folder / "utt2num_samples"), [_head(path) for path in some], *cuts])
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist: run stage 6 (--stage 1 runs all that is missing)")
    raise UserError(f"{folder}: has no feats.scp or wav.scp: it is a text-only set")


def _sums(path: Path) -> list[list[float]]:
    """Sum of each feature over all frames, which stage 6 knows: it differs where an ark does behind its head."""
    if not path.is_file():
        return []  # of features that somebody else computed
    try:
        with np.load(path) as stored:
            return [stored["sum"].tolist()]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not sums of features, or damaged; run stage 6 again (--force)") from error


def _head(path: Path) -> tuple[int, str]:
    with path.open("rb") as handle:
        return path.stat().st_size, hashlib.sha256(handle.read(HEAD)).hexdigest()[:LENGTH]
