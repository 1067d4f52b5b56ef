"""Align a data dir with either aligner: resumable, in several processes, with a report."""

from functools import partial
from pathlib import Path
from typing import Protocol

from espnet_atat.datadir import DataDir
from espnet_atat.errors import Unavailable, UserError
from espnet_atat.graph.pool import Record, file_size, run_resumable
from espnet_atat.speech.alignment.record import AlignedWord, from_json, not_found, to_json, write_alignments
from espnet_atat.speech.copies import audio_of
from espnet_atat.speech.report import Report, reasons


class Aligner(Protocol):
    """What an aligner must offer; it must be a frozen dataclass, so that it can be pickled and told from others."""

    def prepare(self) -> None:
        """Load or check what every utterance needs. Raises Unavailable."""

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Words of an utterance. Raises UserError for a fault of this utterance, Unavailable for another."""


def align_set(data: DataDir, work: Path, output: Path, aligner: Aligner, nj: int = 1) -> Report:
    """Write alignments, which will be called ``output``, and ``<name>.report.json`` beside them to ``work``."""
    wav = audio_of(data, output.name, "align")
    items = {utt: [wav[utt], file_size(wav[utt]), data.text[utt]] for utt in data.ids}
    aligner.prepare()
    work_on = partial(_align, aligner)
    records = run_resumable(items, work_on, work, options=aligner, label="align", nj=nj, chunk=4)
    alignments = {utt: from_json(record["words"]) for utt, record in records.items()}
    words = [word for words in alignments.values() for word in words]
    found = [word for word in words if word.found]
    failed = {utt: record["failed"] for utt, record in records.items() if "failed" in record}
    write_alignments(work / output.name, alignments)
    counts = {
        "utterances": len(records),
        "words": len(words),
        "words_aligned": len(found),
        "seconds": round(sum(end - start for start, end in (word.times for word in found)), 3),
        "failed": failed,
    }
    summary = (
        f"{output.name}: {len(found)} of {len(words)} words aligned ({100 * len(found) / max(1, len(words)):.2f} %), "
        f"{len(words) - len(found)} not found, {len(failed)} of {len(records)} utterances failed"
    )
    report = Report(counts, [summary, *reasons("failed", failed)])
    return report.write(work / output.with_suffix(".report.json").name)


def _align(aligner: Aligner, utt: str, payload: tuple[str, int, str]) -> Record:
    path, _, text = payload
    try:
        words = to_json(aligner.align(utt, path, text))
        from_json(words)
    except Unavailable:
        raise
    except UserError as error:
        return {"words": to_json(map(not_found, text.split())), "failed": str(error)}
    return {"words": words}
