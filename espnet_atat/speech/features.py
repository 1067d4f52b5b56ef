"""From a data dir to a dump dir: the features of every utterance in Kaldi arks, or a checked list of its audio.

The features are made in shards whose size depends only on the set. A shard is finished when its ark has its final
name and its record is in the journal. Their sums are kept beside them, so that stage 9 need not read them again.
"""

import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO

import kaldiio
import numpy as np

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir, from_root, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import Record, file_size, run_resumable
from espnet_atat.speech.audio import SAMPLE_RATE, probe, read_audio
from espnet_atat.speech.fbank import fbank, num_frames
from espnet_atat.speech.feature_sums import FILE, FeatureSums
from espnet_atat.speech.report import REPORT, Report, reasons

SHARDS = 32  # aimed at, unless that makes them too small or too large
SHARD_SIZES = (25, 1000)  # utterances
COMPRESSION = 2  # Kaldi's kSpeechFeature: one byte a value


@dataclass(frozen=True)
class FeatureConfig:
    """Options that change what is written.

    Attributes:
        feats_type: ``fbank`` for arks of 80-dimensional features, ``raw`` for a checked wav.scp.
        compress: store one byte a value with Kaldi's compression of speech features, not four.
        resample: convert other sample rates and mix channels down (fbank only).
        allow_bad: drop audio that cannot be used; otherwise it is an error.
    """

    feats_type: str = "fbank"
    compress: bool = True
    resample: bool = False
    allow_bad: bool = True


@dataclass
class FeatureReport(Report):
    """What was read, kept and dropped."""

    utterances: int = 0
    kept: int = 0
    seconds: float = 0.0
    frames: int = 0
    dropped: dict[str, str] = field(default_factory=dict)

    def lines(self, name: str) -> list[str]:
        amount = f"{self.seconds / 3600:.2f} hours, {self.frames} frames" if self.seconds else "text"
        first = f"{name}: kept {self.kept} of {self.utterances} utterances, {amount}"
        return [first, *reasons("dropped", self.dropped)]


def make_dump(
    data: DataDir,
    work: Path,
    output: Path,
    config: FeatureConfig,
    nj: int = 1,
    unusable: Mapping[str, str] | None = None,
) -> FeatureReport:
    """Write the dump dir of a set: ``text``, ``target``, ``utt2spk`` and what ``feats_type`` asks for.

    ``fbank`` writes ``feats.scp``, ``utt2num_frames``, ``feats_stats.npz`` and ``data/feats.*.ark``; ``raw`` writes
    ``wav.scp`` and ``utt2num_samples``. A set of text has neither. ``report.json`` names what was dropped.

    Args:
        work: the folder to write to, perhaps half full from an interrupted call.
        output: the name that it will have, which feats.scp gives.
        unusable: utterance → why, of what the preparation of the corpus found; their audio is not read.

    Raises:
        UserError: audio that cannot be used (named) where ``allow_bad`` is false, or nothing usable at all.
    """
    known = {utt: why for utt, why in (unusable or {}).items() if utt in data.text}
    report = FeatureReport(utterances=len(data))
    kept = set(data.ids)
    if data.wav is not None:
        _check_allowed(known, output, config)
        records = _run_shards({utt: path for utt, path in data.wav.items() if utt not in known}, work, config, nj)
        report.dropped = known | {utt: why for record in records.values() for utt, why in record["dropped"]}
        _check_allowed(report.dropped, output, config)
        kept = _write_columns(records, work, output, config, report)
    report.kept = len(kept)
    if not kept:
        first = next(iter(report.dropped.items()), ("the set", "it has no utterances"))
        raise UserError(f"{output.name}: no utterance is left; {first[0]}: {first[1]}")
    chosen = data.subset(kept)
    replace(chosen, wav=chosen.wav if config.feats_type == "raw" else None).write_files(work)
    with atomic_write(work / "feats_type") as handle:
        handle.write(f"{config.feats_type}\n")
    report.write(work / REPORT, config)
    return report


def _check_allowed(dropped: Mapping[str, str], output: Path, config: FeatureConfig) -> None:
    for utt, why in dropped.items():
        if not config.allow_bad:
            raise UserError(f"{output.name}: {utt}: {why}; mend it, or give --allow_bad_test true to leave it out")


def shard_size(utterances: int) -> int:
    """Utterances in a shard: a function of the set, so that ``nj`` changes no file."""
    low, high = SHARD_SIZES
    return min(high, max(low, math.ceil(utterances / SHARDS)))


def _run_shards(wav: dict[str, str], work: Path, config: FeatureConfig, nj: int) -> dict[str, Record]:
    """Record of a shard: ``kept`` [[id, frames or samples, samples, offset in the ark]], ``dropped`` [[id, why]].

    One of features has their ``sums`` too: frames, sum and sum of squares.
    """
    entries = [[utt, wav[utt], file_size(wav[utt])] for utt in sorted(wav)]
    size = shard_size(len(entries))
    shards = {f"{n:04d}": entries[n * size : (n + 1) * size] for n in range(math.ceil(len(entries) / size))}
    is_fbank = config.feats_type == "fbank"
    worker = partial(_fbank_shard, config, work) if is_fbank else _raw_shard
    return run_resumable(
        shards,
        worker,
        work,
        options=config,
        label=f"features {work.stem}, shards",
        nj=nj,
        chunk=1,
        is_good=lambda record: not is_fbank or "sums" in record,  # an earlier version kept none
    )


def _fbank_shard(config: FeatureConfig, work: Path, name: str, entries: list[tuple[str, str, int]]) -> Record:
    """Write one ark."""
    ark = work / "data" / f"feats.{name}.ark"
    ark.parent.mkdir(exist_ok=True)
    temporary = ark.with_suffix(".tmp")
    sums = FeatureSums()

    def write(utt: str, path: str) -> list[int]:
        nonlocal sums
        numbers, features = _write_features(config, handle, utt, path)
        sums += FeatureSums.of(features)
        return numbers

    with temporary.open("wb") as handle:
        record = _sorted_out(entries, write)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, ark)
    return {**record, "sums": [sums.count, sums.sum.tolist(), sums.sum_square.tolist()]}


def _write_features(config: FeatureConfig, handle: IO[bytes], utt: str, path: str) -> tuple[list[int], np.ndarray]:
    """The record of an utterance, and its features as they will be read."""
    samples = read_audio(path, resample=config.resample)
    features = fbank(samples)
    entry = io.BytesIO()
    kaldiio.save_ark(entry, {utt: features}, compression_method=COMPRESSION if config.compress else None)
    offset = handle.tell() + len(utt.encode()) + 1  # after the id and its space
    handle.write(entry.getvalue())
    if config.compress:
        entry.seek(0)
        _, features = next(kaldiio.load_ark(entry))
    return [len(features), len(samples), offset], features


def _raw_shard(_name: str, entries: list[tuple[str, str, int]]) -> Record:
    return _sorted_out(entries, _check_audio)


def _check_audio(_utt: str, path: str) -> list[int]:
    """Audio that is read during training."""
    info = probe(path)
    if info.rate != SAMPLE_RATE or info.channels != 1:
        raise UserError(f"{path} has {info.rate} Hz and {info.channels} channels, not {SAMPLE_RATE} and 1")
    if not num_frames(info.samples):
        raise UserError(f"too short: {info.samples} samples")
    return [info.samples, info.samples, 0]


def _sorted_out(entries: list[tuple[str, str, int]], read: Callable[[str, str], list[int]]) -> Record:
    record: Record = {"kept": [], "dropped": []}
    for utt, path, _ in entries:
        try:
            record["kept"].append([utt, *read(utt, path)])
        except UserError as error:
            record["dropped"].append([utt, str(error) if path in str(error) else f"{path}: {error}"])
    return record


def _write_columns(
    records: dict[str, Record], work: Path, output: Path, config: FeatureConfig, report: FeatureReport
) -> set[str]:
    """Write feats.scp, utt2num_frames and the sums, or utt2num_samples; returns the utterances kept."""
    is_fbank = config.feats_type == "fbank"
    scp: dict[str, str] = {}
    lengths: dict[str, str] = {}
    for name, record in records.items():
        for utt, length, samples, offset in record["kept"]:
            scp[utt] = f"{from_root(output)}/data/feats.{name}.ark:{offset}"
            lengths[utt] = str(length)
            report.frames += length if is_fbank else 0
            report.seconds += samples / SAMPLE_RATE
    if is_fbank:
        write_two_column(work / "feats.scp", scp)
        of_shards = (record["sums"] for record in records.values())
        every = (FeatureSums(count, np.array(total), np.array(squares)) for count, total, squares in of_shards)
        sum(every, FeatureSums()).save(work / FILE)
    write_two_column(work / ("utt2num_frames" if is_fbank else "utt2num_samples"), lengths)
    return set(lengths)
