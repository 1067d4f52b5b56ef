"""From a data dir to a dump dir: the features of every utterance in Kaldi arks, or a checked list of its audio.

The features are made in shards whose size depends on the set alone. A shard is finished when its ark has its final
name and its record stands in the journal; both lie in ``<dump>.partial``, which becomes ``<dump>`` when all are.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.speech.parallel import Record, Worker, file_size, run_resumable
from espnet_atat.speech.workdir import JOURNAL, from_root, open_work, publish

SHARDS = 32  # aimed at, unless that makes them too small or too large
SHARD_SIZES = (25, 1000)  # utterances
COMPRESSION = 2  # Kaldi's kSpeechFeature: one byte a value
SHOWN = 10  # dropped utterances printed; all are in report.json


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
    compress: bool = False
    resample: bool = False
    allow_bad: bool = True


@dataclass
class FeatureReport:
    """What was read, kept and dropped."""

    utterances: int = 0
    kept: int = 0
    seconds: float = 0.0
    frames: int = 0
    dropped: dict[str, str] = field(default_factory=dict)

    def lines(self, name: str) -> list[str]:
        amount = f"{self.seconds / 3600:.2f} hours, {self.frames} frames" if self.seconds else "text alone"
        lines = [f"{name}: kept {self.kept} of {self.utterances} utterances, {amount}"]
        lines += [f"  dropped {utt}: {why}" for utt, why in list(self.dropped.items())[:SHOWN]]
        if len(self.dropped) > SHOWN:
            lines.append(f"  and {len(self.dropped) - SHOWN} more: see report.json")
        return lines


def make_dump(
    data: DataDir, output: Path, config: FeatureConfig, nj: int = 1, unusable: Mapping[str, str] | None = None
) -> FeatureReport:
    """Write the dump dir of a set: ``text``, ``target``, ``utt2spk`` and what ``feats_type`` asks for.

    Args:
        unusable: utterance → why, of what the preparation of the corpus found; their audio is not read.

    ``fbank`` writes ``feats.scp``, ``utt2num_frames`` and ``data/feats.*.ark``; ``raw`` writes ``wav.scp`` and
    ``utt2num_samples``. A set of text alone has neither. ``report.json`` names what was dropped.

    Raises:
        UserError: audio that cannot be used (named) where ``allow_bad`` is false, or nothing usable at all.
    """
    known = {utt: why for utt, why in (unusable or {}).items() if utt in data.text}
    wav = {utt: path for utt, path in (data.wav or {}).items() if utt not in known}
    work = open_work(output, (config, sorted(wav.items())))
    report = FeatureReport(utterances=len(data))
    kept = set(data.ids)
    if data.wav is not None:
        for utt, why in known.items():
            _drop(utt, why, output, config, report)
        records = _run_shards(wav, work, config, nj)
        kept = _write_columns(records, work, output, config, report)
    report.kept = len(kept)
    if not kept:
        first = next(iter(report.dropped.items()), ("the set", "it has no utterances"))
        raise UserError(f"{output.name}: no utterance is left; {first[0]}: {first[1]}")
    chosen = data.subset(kept)
    replace(chosen, wav=chosen.wav if config.feats_type == "raw" else None).write_files(work)
    with atomic_write(work / "feats_type") as handle:
        handle.write(f"{config.feats_type}\n")
    with atomic_write(work / "report.json") as handle:
        json.dump(asdict(report) | {"config": asdict(config)}, handle, indent=1, ensure_ascii=False)
        handle.write("\n")
    publish(work, output)
    return report


def shard_size(utterances: int) -> int:
    """Utterances in a shard: a function of the set alone, so that ``nj`` changes no file."""
    low, high = SHARD_SIZES
    return min(high, max(low, math.ceil(utterances / SHARDS)))


def _run_shards(wav: dict[str, str], work: Path, config: FeatureConfig, nj: int) -> dict[str, Record]:
    ids = sorted(wav)
    size = shard_size(len(ids))
    entries = [[utt, wav[utt], file_size(wav[utt])] for utt in ids]
    shards: dict[str, Any] = {f"{n:04d}": entries[n * size : (n + 1) * size] for n in range(math.ceil(len(ids) / size))}
    worker: Worker = _raw_shard
    if config.feats_type == "fbank":
        (work / "data").mkdir(exist_ok=True)
        worker = partial(_fbank_shard, config, work)
        _import_libraries()
    return run_resumable(
        shards,
        worker,
        work / JOURNAL,
        signature=repr(config),
        label=f"features {work.stem}, shards",
        nj=nj,
        chunk=1,
    )


def _import_libraries() -> None:
    """Import before the processes fork, so that it is paid for once."""
    import kaldiio  # noqa: F401

    import espnet_atat.speech.fbank  # noqa: F401


def _fbank_shard(config: FeatureConfig, work: Path, name: str, entries: list[tuple[str, str, int]]) -> Record:
    """Write one ark. Record: ``kept`` [[id, frames, samples, offset in the ark]], ``dropped`` [[id, reason]]."""
    import kaldiio

    from espnet_atat.speech.audio import read_audio
    from espnet_atat.speech.fbank import fbank

    ark = work / "data" / f"feats.{name}.ark"
    temporary = ark.with_suffix(".tmp")
    record: Record = {"kept": [], "dropped": []}
    with temporary.open("wb") as handle:
        for utt, path, _ in entries:
            try:
                samples = read_audio(path, resample=config.resample)
                features = fbank(samples)
            except UserError as error:
                record["dropped"].append([utt, _reason(path, error)])
                continue
            offset = handle.tell() + len(utt.encode()) + 1  # after the id and its space
            kaldiio.save_ark(handle, {utt: features}, compression_method=COMPRESSION if config.compress else None)
            record["kept"].append([utt, len(features), len(samples), offset])
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, ark)
    return record


def _raw_shard(_name: str, entries: list[tuple[str, str, int]]) -> Record:
    """Check audio that is read during training. Record: ``kept`` [[id, samples, samples, 0]], ``dropped``."""
    from espnet_atat.speech.audio import SAMPLE_RATE, probe
    from espnet_atat.speech.fbank import num_frames

    record: Record = {"kept": [], "dropped": []}
    for utt, path, _ in entries:
        try:
            info = probe(path)
            if info.rate != SAMPLE_RATE or info.channels != 1:
                raise UserError(f"{path} has {info.rate} Hz and {info.channels} channels, not {SAMPLE_RATE} and 1")
            if not num_frames(info.samples):
                raise UserError(f"too short: {info.samples} samples")
        except UserError as error:
            record["dropped"].append([utt, _reason(path, error)])
            continue
        record["kept"].append([utt, info.samples, info.samples, 0])
    return record


def _reason(path: str, error: UserError) -> str:
    return str(error) if path in str(error) else f"{path}: {error}"


def _drop(utt: str, why: str, output: Path, config: FeatureConfig, report: FeatureReport) -> None:
    if not config.allow_bad:
        raise UserError(f"{output.name}: {utt}: {why}; mend it, or give --allow_bad_test true to leave it out")
    report.dropped[utt] = why


def _write_columns(
    records: dict[str, Record], work: Path, output: Path, config: FeatureConfig, report: FeatureReport
) -> set[str]:
    """Write feats.scp and utt2num_frames, or wav.scp and utt2num_samples; returns the utterances kept."""
    from espnet_atat.speech.audio import SAMPLE_RATE

    scp: dict[str, str] = {}
    lengths: dict[str, str] = {}
    for name, record in records.items():
        for utt, why in record["dropped"]:
            _drop(utt, why, output, config, report)
        for utt, length, samples, offset in record["kept"]:
            scp[utt] = f"{from_root(output)}/data/feats.{name}.ark:{offset}"
            lengths[utt] = str(length)
            report.frames += length if config.feats_type == "fbank" else 0
            report.seconds += samples / SAMPLE_RATE
    if config.feats_type == "fbank":
        write_two_column(work / "feats.scp", scp)
        write_two_column(work / "utt2num_frames", lengths)
    else:
        write_two_column(work / "utt2num_samples", lengths)
    return set(lengths)
