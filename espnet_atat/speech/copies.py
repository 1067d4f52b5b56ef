"""A data dir with new audio for another's utterances: what masking, augmentation and synthesis share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.datadir import DataDir, from_root
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import Record, file_size, run_resumable

#: (options, work, id, (path of the original's audio, its size, new path without suffix, how)) → record. The record has
#: ``file``, the audio written below ``work`` (None: the original's), or ``dropped``, why there is none.
CopyWorker = Callable[[Any, Path, str, tuple[str, int, str, Any]], Record]


@dataclass(frozen=True)
class Copy:
    """An utterance to be made."""

    origin: str  # the utterance whose words and tree it has
    speaker: str | None  # None where speakers are unknown
    how: Any  # what the worker gets besides (plain JSON)


def audio_of(data: DataDir, name: str, purpose: str) -> dict[str, str]:
    """The set's wav.scp. Raises UserError, with what was to be done, for a set of text."""
    if data.wav is None:
        raise UserError(f"{name}: the set has no wav.scp, so there is nothing to {purpose}")
    return data.wav


def make_copies(
    data: DataDir,
    copies: Mapping[str, Copy],
    worker: CopyWorker,
    work: Path,
    output: Path,
    options: object,
    *,
    label: str,
    nj: int = 1,
    chunk: int = 16,
) -> dict[str, Record]:
    """Write a data dir with an utterance for each of ``copies`` (new id → copy) that the worker does not drop.

    Args:
        work: the folder to write to, perhaps half full from an interrupted call; audio goes to ``audio/<speaker>/``.
        output: the name that the folder will have, which wav.scp gives.

    Returns:
        new id → the worker's record, in the order of ``copies``.
    """
    wav = data.wav or {}
    items = {}
    for new, copy in copies.items():
        path = wav.get(copy.origin, "")
        folder = "audio" if copy.speaker is None else f"audio/{copy.speaker}"
        items[new] = [path, file_size(path), f"{folder}/{new}", copy.how]
    records = run_resumable(
        items, partial(worker, options, work), work, options=options, label=label, nj=nj, chunk=chunk
    )
    kept = {new: copies[new] for new, record in records.items() if "dropped" not in record}
    speakers = {new: copy.speaker for new, copy in kept.items() if copy.speaker is not None}
    root = from_root(output)
    DataDir(
        text={new: data.text[copy.origin] for new, copy in kept.items()},
        target=None if data.target is None else {new: data.target[copy.origin] for new, copy in kept.items()},
        wav={new: f"{root}/{file}" if (file := records[new]["file"]) else items[new][0] for new in kept},
        utt2spk=speakers or None,
    ).write_files(work)
    return records
