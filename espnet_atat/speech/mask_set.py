"""Write the masked copy of a data dir: the paper's MLM data set, masked once, before training."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError, naming
from espnet_atat.graph.pool import Record
from espnet_atat.speech.alignment.record import Alignment, check_times, from_json, to_json
from espnet_atat.speech.audio import read_lossless, write_audio
from espnet_atat.speech.copies import Copy, audio_of, make_copies
from espnet_atat.speech.masking import MaskConfig, draw_spans, mask_waveform, random_source, span_samples
from espnet_atat.speech.report import REPORT, Report


def mask_set(
    data: DataDir, alignments: Mapping[str, Alignment], work: Path, output: Path, config: MaskConfig, nj: int = 1
) -> Report:
    """Write a data dir whose audio is masked, with ``masks.jsonl`` and ``report.json``.

    Masked audio is written without loss; an utterance with nothing masked keeps its own file.
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
    masked = {utt: sum(len(span["words"]) for span in record["spans"]) for utt, record in records.items()}
    with atomic_write(work / "masks.jsonl") as handle:
        for utt, record in records.items():
            line = {"utt_id": utt, "fill": config.fill, "aligned": record["aligned"], "masked": masked[utt]}
            handle.write(json.dumps(line | {"spans": record["spans"]}, ensure_ascii=False) + "\n")
    spans = [span for record in records.values() for span in record["spans"]]
    counts = {
        "utterances": len(data),
        "kept": len(records),
        "without_aligned_word": len(data) - len(usable),
        "with_none_masked": sum(not count for count in masked.values()),
        "words_aligned": sum(record["aligned"] for record in records.values()),
        "words_masked": sum(masked.values()),
        "seconds": round(sum(record["seconds"] for record in records.values()), 3),
        "seconds_masked": round(sum(span["end"] - span["start"] for span in spans), 3),
    }
    words = 100 * counts["words_masked"] / counts["words_aligned"]
    time = 100 * counts["seconds_masked"] / counts["seconds"]
    lines = [
        "{name}: kept {kept} of {utterances} utterances; left out {without_aligned_word} without an aligned word",
        "masked {words_masked} of {words_aligned} aligned words ({words:.1f} %), {seconds_masked:.1f} of {seconds:.1f} "
        "s ({time:.1f} %); {with_none_masked} utterances have none masked",
    ]
    said = [line.format(**counts, name=output.name, words=words, time=time) for line in lines]
    return Report(counts, said).write(work / REPORT, config)


def _mask_utterance(config: MaskConfig, work: Path, utt: str, payload: tuple[str, int, str, list[Any]]) -> Record:
    """Mask one utterance. Record: ``file``, ``spans``, ``aligned``, ``seconds``."""
    path, _, stem, fields = payload
    words = from_json(fields)
    with naming(utt):
        samples, rate, container, subtype = read_lossless(path)
        check_times(words, len(samples) / rate)
    spans = draw_spans(utt, words, config)
    record: Record = {
        "file": None,
        "aligned": sum(word.found for word in words),
        "seconds": len(samples) / rate,
        "spans": [],
    }
    for span in spans:
        where = span_samples(span, rate, len(samples))
        record["spans"].append({**asdict(span), "start_sample": where.start, "end_sample": where.stop})
    if spans:
        masked = mask_waveform(samples, rate, spans, config.fill, random_source(utt, config.seed, None, "fill"))
        record["file"] = f"{stem}.{container.lower()}"
        write_audio(work / record["file"], masked, rate, container, subtype)
    return record
