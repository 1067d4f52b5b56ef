"""Write the masked copy of a data dir: the paper's MLM data set, masked once, before training."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import Record
from espnet_atat.speech.alignment.record import Alignment, from_json, to_json
from espnet_atat.speech.audio import read_lossless, write_audio
from espnet_atat.speech.copies import Copy, audio_of, make_copies
from espnet_atat.speech.masking import MaskConfig, draw_spans, mask_waveform, random_source, span_samples
from espnet_atat.speech.report import REPORT, Report


@dataclass
class MaskReport(Report):
    """What was masked and what was left out."""

    utterances: int = 0
    kept: int = 0
    without_aligned_word: int = 0
    with_none_masked: int = 0
    words_aligned: int = 0
    words_masked: int = 0
    seconds: float = 0.0
    seconds_masked: float = 0.0

    def lines(self, name: str) -> list[str]:
        words = 100 * self.words_masked / max(1, self.words_aligned)
        time = 100 * self.seconds_masked / max(1e-9, self.seconds)
        return [
            f"{name}: kept {self.kept} of {self.utterances} utterances; left out {self.without_aligned_word} without "
            f"an aligned word",
            f"masked {self.words_masked} of {self.words_aligned} aligned words ({words:.1f} %), "
            f"{self.seconds_masked:.1f} of {self.seconds:.1f} s ({time:.1f} %); "
            f"{self.with_none_masked} utterances have none masked",
        ]


def mask_set(
    data: DataDir, alignments: Mapping[str, Alignment], work: Path, output: Path, config: MaskConfig, nj: int = 1
) -> MaskReport:
    """Write a data dir whose audio is masked, with ``masks.jsonl`` and ``report.json``.

    Masked audio is written without loss; an utterance with nothing masked keeps its own file.

    Args:
        work: the folder to write to, perhaps half full from an interrupted call.
        output: the name that it will have, which wav.scp gives.

    Raises:
        UserError: a set without audio, audio that cannot be read, alignments that belong to other transcripts, or
            no utterance with an aligned word.
    """
    audio_of(data, output.name, "mask")
    for utt, text in data.text.items():
        if utt in alignments and [word.word for word in alignments[utt]] != text.split():
            raise UserError(f"{utt}: the alignment has other words than the data dir's text; align the set again")
    usable = [utt for utt in data.ids if any(word.found for word in alignments.get(utt, ()))]
    if not usable:
        raise UserError(f"{output.name}: no utterance has an aligned word; are these the alignments of another set?")
    speakers = data.utt2spk or {}
    copies = {utt: Copy(utt, speakers.get(utt), to_json(alignments[utt])) for utt in usable}
    records = make_copies(data, copies, _mask_utterance, work, output, config, label="mask", nj=nj)
    report = _write_masks(records, work, config)
    report.utterances, report.without_aligned_word = len(data), len(data) - len(usable)
    report.write(work / REPORT, config)
    return report


def _mask_utterance(config: MaskConfig, work: Path, utt: str, payload: tuple[str, int, str, list[Any]]) -> Record:
    """Mask one utterance. Record: ``file``, ``spans``, ``aligned``, ``seconds``."""
    path, _, stem, fields = payload
    words = from_json(fields)
    try:
        samples, rate, container, subtype = read_lossless(path)
    except UserError as error:
        raise UserError(f"{utt}: {error}") from error
    spans = draw_spans(utt, words, config)
    record: Record = {
        "file": None,
        "aligned": sum(word.found for word in words),
        "seconds": len(samples) / rate,
        "spans": [asdict(span) for span in spans],
    }
    for span, fields_of_span in zip(spans, record["spans"], strict=True):
        where = span_samples(span, rate, len(samples))
        fields_of_span |= {"start_sample": where.start, "end_sample": where.stop}
    if spans:
        masked = mask_waveform(samples, rate, spans, config.fill, random_source(utt, config.seed, None, "fill"))
        record["file"] = f"{stem}.{container.lower()}"
        write_audio(work / record["file"], masked, rate, container, subtype)
    return record


def _write_masks(records: Mapping[str, Record], work: Path, config: MaskConfig) -> MaskReport:
    """Write masks.jsonl, a line an utterance, and count."""
    report = MaskReport(kept=len(records))
    with atomic_write(work / "masks.jsonl") as handle:
        for utt, record in records.items():
            masked = sum(len(span["words"]) for span in record["spans"])
            report.words_aligned += record["aligned"]
            report.words_masked += masked
            report.with_none_masked += not masked
            report.seconds += record["seconds"]
            report.seconds_masked += sum(span["end"] - span["start"] for span in record["spans"])
            line = {"utt_id": utt, "fill": config.fill, "aligned": record["aligned"], "masked": masked}
            handle.write(json.dumps(line | {"spans": record["spans"]}, ensure_ascii=False) + "\n")
    report.seconds, report.seconds_masked = round(report.seconds, 3), round(report.seconds_masked, 3)
    return report
