"""From a data dir to a dump dir: the features of every utterance in Kaldi arks, or a checked list of its audio.

The features are made in shards. A shard is finished when its record is in the journal. Their sums are kept beside
them, so that stage 9 need not read them again.
"""

import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import kaldiio
import numpy as np

from espnet_atat.datadir import DataDir, from_root, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import SUMS_FILE
from espnet_atat.graph.pool import Record, file_size, run_resumable
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio
from espnet_atat.speech.fbank import fbank, num_frames
from espnet_atat.speech.feature_sums import FeatureSums
from espnet_atat.speech.report import REPORT, Report, reasons

ENCODERS_A_GPU = 4  # processes, each with an encoder of its own
SHARDS = 32  # aimed at, unless that makes them too small or too large
SMALLEST, LARGEST = 25, 1000  # utterances of a shard


@dataclass(frozen=True)
class FeatureConfig:
    feats_type: str = "fbank"  # arks of 80-dimensional features; "raw" is a checked wav.scp; also speech.states, .mfcc
    compress: bool = True  # one byte per value, with Kaldi's compression of speech features, not four
    resample: bool = False  # convert other sample rates and mix channels down (fbank only)
    allow_bad: bool = True  # drop audio that cannot be used; otherwise it is an error

    def compute(self, samples: np.ndarray, _ngpu: int = 0, /) -> np.ndarray:
        """Features (frames, dimensions) of samples (num_samples,). The GPU is for a speech encoder (``states``)."""
        return fbank(samples)

    @property
    def compression(self) -> int | None:
        """Kaldi's method; None: four bytes per value."""
        return 2 if self.compress else None


def make_dump(
    data: DataDir,
    work: Path,
    output: Path,
    config: FeatureConfig,
    nj: int = 1,
    unusable: Mapping[str, str] | None = None,
    ngpu: int = 0,
) -> Report:
    """Write the dump dir of a set: ``text``, ``target``, ``utt2spk`` and what ``feats_type`` needs.

    ``fbank``, ``mfcc`` and ``encoder`` write ``feats.scp``, ``utt2num_frames``, ``feats_stats.npz`` and
    ``data/feats.*.ark``; ``raw`` writes ``wav.scp`` and ``utt2num_samples``. A set of text has none of them.
    ``report.json`` names what was dropped.
    ``unusable``, utterance → why, is what the preparation of the corpus found; that audio is not read.
    ``ngpu``: 1 lets a speech encoder run on a GPU.
    """
    dropped = {utt: why for utt, why in (unusable or {}).items() if utt in data.text and data.wav is not None}
    kept, seconds, frames = set(data.ids), 0.0, 0
    if data.wav is not None:
        _check_allowed(dropped, output, config)
        usable = {utt: path for utt, path in data.wav.items() if utt not in dropped}
        records = _run_shards(usable, work, config, nj, ngpu)
        dropped |= {utt: why for record in records.values() for utt, why in record["dropped"]}
        _check_allowed(dropped, output, config)
        kept, seconds, frames = _write_columns(records, work, output, config)
    if not kept:
        utt, why = next(iter(dropped.items()), ("the set", "it has no utterances"))
        raise UserError(f"{output.name}: no utterance is left; {utt}: {why}")
    chosen = data.subset(kept)
    replace(chosen, wav=chosen.wav if config.feats_type == "raw" else None).write_files(work)
    (work / "feats_type").write_text(f"{config.feats_type}\n", encoding="utf-8")
    counts = {"utterances": len(data), "kept": len(kept), "seconds": seconds, "frames": frames, "dropped": dropped}
    amount = f"{seconds / 3600:.2f} hours, {frames} frames" if seconds else "text"
    line = f"{output.name}: kept {len(kept)} of {len(data)} utterances, {amount}"
    return Report(counts, [line, *reasons("dropped", dropped)]).write(work / REPORT, config)


def _check_allowed(dropped: Mapping[str, str], output: Path, config: FeatureConfig) -> None:
    for utt, why in dropped.items():
        if not config.allow_bad:
            raise UserError(f"{output.name}: {utt}: {why}; fix it, or give --allow_bad_test true to leave it out")


def shard_size(utterances: int) -> int:
    """Utterances in a shard: a function of the set, so that ``nj`` changes no file."""
    return min(LARGEST, max(SMALLEST, math.ceil(utterances / SHARDS)))


def _run_shards(wav: dict[str, str], work: Path, config: FeatureConfig, nj: int, ngpu: int) -> dict[str, Record]:
    """Record of a shard: ``kept`` [[id, frames or samples, samples, offset in the ark]], ``dropped`` [[id, why]].

    One of features has their ``sums`` too: frames, sum and sum of squares.
    """
    entries = [[utt, wav[utt], file_size(wav[utt])] for utt in sorted(wav)]
    size = shard_size(len(entries))
    shards = {f"{n:04d}": entries[n * size : (n + 1) * size] for n in range(math.ceil(len(entries) / size))}
    is_stored, is_encoder = config.feats_type != "raw", config.feats_type == "encoder"
    worker = partial(_feature_shard, config, ngpu, work) if is_stored else _raw_shard
    return run_resumable(
        shards,
        worker,
        work,
        options=config,
        label=f"features {work.stem}, shards",
        nj=min(nj, ENCODERS_A_GPU) if is_encoder and ngpu else nj,
        chunk=1,
        fresh=is_encoder and nj > 1,  # PyTorch's threads do not survive a fork
    )


def _feature_shard(
    config: FeatureConfig, ngpu: int, work: Path, name: str, entries: list[tuple[str, str, int]]
) -> Record:
    ark = work / "data" / f"feats.{name}.ark"
    ark.parent.mkdir(exist_ok=True)
    sums = FeatureSums()

    def write(utt: str, path: str) -> list[int]:
        nonlocal sums
        samples = read_audio(path, resample=config.resample)
        features = config.compute(samples, ngpu)
        entry = io.BytesIO()
        kaldiio.save_ark(entry, {utt: features}, compression_method=config.compression)
        offset = handle.tell() + len(utt.encode()) + 1  # after the id and its space
        handle.write(entry.getvalue())
        if config.compression is not None:
            entry.seek(0)
            _, features = next(kaldiio.load_ark(entry))
        sums += FeatureSums.of(features)  # as they will be read
        return [len(features), len(samples), offset]

    with ark.open("wb") as handle:
        record = _sorted_out(entries, write)
        handle.flush()
        os.fsync(handle.fileno())
    return {**record, "sums": [sums.count, sums.sum.tolist(), sums.sum_square.tolist()]}


def _raw_shard(_name: str, entries: list[tuple[str, str, int]]) -> Record:
    def check(_utt: str, path: str) -> list[int]:
        samples = len(read_audio(path))  # as in training
        if not num_frames(samples):
            raise UserError(f"too short: {samples} samples")
        return [samples, samples, 0]

    return _sorted_out(entries, check)


def _sorted_out(entries: list[tuple[str, str, int]], read: Callable[[str, str], list[int]]) -> Record:
    record: Record = {"kept": [], "dropped": []}
    for utt, path, _ in entries:
        try:
            record["kept"].append([utt, *read(utt, path)])
        except UserError as error:
            record["dropped"].append([utt, str(error) if path in str(error) else f"{path}: {error}"])
    return record


def _write_columns(
    records: dict[str, Record], work: Path, output: Path, config: FeatureConfig
) -> tuple[set[str], float, int]:
    """Write feats.scp, utt2num_frames and the sums, or utt2num_samples; returns utterances kept, seconds and frames."""
    scp: dict[str, str] = {}
    lengths: dict[str, int] = {}
    seconds = 0.0
    for name, record in records.items():
        for utt, length, samples, offset in record["kept"]:
            scp[utt] = f"{from_root(output)}/data/feats.{name}.ark:{offset}"
            lengths[utt] = length
            seconds += samples / SAMPLE_RATE
    values = {utt: str(length) for utt, length in lengths.items()}
    if config.feats_type == "raw":
        write_two_column(work / "utt2num_samples", values)
        return set(lengths), seconds, 0
    write_two_column(work / "feats.scp", scp)
    write_two_column(work / "utt2num_frames", values)
    of_shards = (record["sums"] for record in records.values())
    every = (FeatureSums(count, np.array(total), np.array(squares)) for count, total, squares in of_shards)
    sum(every, FeatureSums()).save(work / SUMS_FILE)
    return set(lengths), seconds, sum(lengths.values())
