"""The utterances of a set: audio features, audio or text, read one by one."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from espnet_atat.datadir import holds, read_two_column, read_wav
from espnet_atat.errors import UserError, naming
from espnet_atat.speech.arks import read_features
from espnet_atat.speech.audio import probe, read_audio

#: Digits of a number of frames.
LONGEST_NUMBER = 12
#: ESPnet's (name, type) pairs that can be decoded.
KINDS = {("speech", "kaldi_ark"), ("speech", "sound"), ("text_in", "text")}


@dataclass(frozen=True)
class Source:
    """Where a set's utterances lie."""

    name: str  # ``speech`` or ``text_in``
    kind: str  # ``kaldi_ark``, ``sound`` or ``text``, as in ESPnet's ``--data_path_and_name_and_type``
    entries: dict[str, str]  # utterance id to ``ark:offset``, path of audio, or words
    lengths: dict[str, int] | None = None  # utterance id to frames, where known without opening anything

    @classmethod
    def of_dump(cls, dump_dir: str | Path, name: str) -> Self:
        """A set as stage 6 leaves it."""
        folder = Path(dump_dir)
        if name == "text_in":
            return cls.of_stream(folder / "text", name, "text")
        for file, kind in (("feats.scp", "kaldi_ark"), ("wav.scp", "sound")):
            if holds(folder, file):
                source = cls.of_stream(folder / file, name, kind)
                _check_ids(source.entries, folder / file, folder / "text")
                return source
        raise UserError(f"{folder}: neither feats.scp nor wav.scp: run stage 6, or decode its text (--source text_in)")

    @classmethod
    def of_stream(cls, path: str | Path, name: str, kind: str) -> Self:
        """One of ESPnet's streams."""
        if (name, kind) not in KINDS:
            known = ", ".join(sorted(",".join(pair) for pair in KINDS))
            raise UserError(f"{path},{name},{kind}: cannot be decoded; name and type are one of {known}")
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file")
        entries = read_wav(Path(path).parent) if Path(path).name == "wav.scp" else read_two_column(path)
        if not entries:
            raise UserError(f"{path}: no utterance in it")
        frames = Path(path).with_name("utt2num_frames")
        lengths = None
        if kind == "kaldi_ark" and frames.is_file():
            lengths = read_frames(frames)
        return cls(name, kind, entries, lengths)

    def read(self, utt_id: str) -> np.ndarray | str:
        """Features (num_frames, 80), samples (num_samples,) at 16 kHz, or words."""
        entry = self.entries[utt_id]
        if self.kind == "text":
            return entry
        with naming(f"utterance {utt_id}"):
            return read_audio(entry) if self.kind == "sound" else read_features(entry)

    def length(self, utt_id: str) -> int:
        """Frames, samples or characters: what utterances are sorted by."""
        if self.lengths is not None and utt_id in self.lengths:
            return self.lengths[utt_id]
        if self.kind == "sound":
            with naming(f"utterance {utt_id}"):
                return probe(self.entries[utt_id]).samples
        return len(self.read(utt_id))

    def batches(self, size: int) -> list[list[str]]:
        """Utterance ids in batches of like length; a function of only the set and the size."""
        ordered = sorted(self.entries, key=lambda utt_id: (self.length(utt_id), utt_id))
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def read_frames(path: Path) -> dict[str, int]:
    """``utt2num_frames``: utterance id to its number of frames."""
    columns = read_two_column(path)
    for utt_id, number in columns.items():
        if not (number.isascii() and number.isdecimal() and len(number) < LONGEST_NUMBER):
            raise UserError(f"{path}: {utt_id}: {number[:20]!r} is not a number of frames; run stage 6 again")
    return {utt_id: int(number) for utt_id, number in columns.items()}


def _check_ids(entries: Collection[str], scp: Path, text: Path) -> None:
    """A set's audio and its ``text`` must have exactly the same utterances: stage 6 writes both."""
    if not text.is_file():
        raise UserError(f"{text}: no such file, which lists the utterances of {scp}; run stage 6 again")
    wanted = read_two_column(text).keys()
    for ids, here, there in ((set(entries) - wanted, scp, text), (wanted - set(entries), text, scp)):
        if ids:
            raise UserError(f"{here} has {min(ids)!r}, which {there} lacks ({len(ids)} such); run stage 6 again")
