"""Align a data dir with either aligner: resumable, in several processes, with a report."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import AlignedWord, from_json, not_found, to_json, write_alignments
from espnet_atat.speech.parallel import Record, file_size, run_resumable

CHUNK = 4  # utterances handed to a process at a time
SHOWN = 10  # failed utterances printed; all are in the report file


class AlignerUnavailable(UserError):
    """Not this utterance but the aligner itself is at fault: the whole run stops."""


class Aligner(Protocol):
    """What an aligner must offer; it must be a frozen dataclass, so that it can be pickled and told from others."""

    def prepare(self) -> None:
        """Load or check what every utterance needs. Raises AlignerUnavailable."""

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Words of an utterance. Raises UserError for a fault of this utterance, AlignerUnavailable for another."""


@dataclass
class AlignmentReport:
    """What came of a run."""

    utterances: int = 0
    words: int = 0
    words_aligned: int = 0
    seconds: float = 0.0  # between the starts and ends of aligned words
    failed: dict[str, str] = field(default_factory=dict)
    made_from: str = ""

    @property
    def percent(self) -> float:
        return 100 * self.words_aligned / max(1, self.words)

    def lines(self) -> list[str]:
        missing = self.words - self.words_aligned
        lines = [
            f"{self.words_aligned} of {self.words} words aligned ({self.percent:.2f} %), {missing} not found, "
            f"{len(self.failed)} of {self.utterances} utterances failed"
        ]
        lines += [f"  failed {utt}: {why}" for utt, why in list(self.failed.items())[:SHOWN]]
        if len(self.failed) > SHOWN:
            reasons = Counter(why.partition(":")[0] for why in self.failed.values())
            lines.append(f"  and {len(self.failed) - SHOWN} more; most often: {reasons.most_common(1)[0][0]}")
        return lines


def report_path(output: Path) -> Path:
    """``align.jsonl`` → ``align.report.json``, beside it."""
    return output.with_suffix(".report.json")


def align_set(data: DataDir, output: Path, aligner: Aligner, nj: int = 1, force: bool = False) -> AlignmentReport:
    """Align every utterance of a set and write ``output`` and its report.

    Utterances that were finished by an interrupted run are not aligned again; nor is anything if the output is
    there and was made from the same input with the same aligner, unless ``force``.

    Raises:
        UserError: a set without audio, or an aligner that cannot be used.
    """
    if data.wav is None:
        raise UserError(f"{output.name}: the set has no wav.scp, so there is nothing to align")
    items = {utt: [data.wav[utt], file_size(data.wav[utt]), data.text[utt]] for utt in data.ids}
    made_from = hashlib.sha256(json.dumps([repr(aligner), items], sort_keys=True).encode()).hexdigest()
    if not force and (done := _finished(output, made_from)):
        return done
    aligner.prepare()
    journal = output.with_name(output.name + ".partial")
    records = run_resumable(
        items, partial(_align, aligner), journal, signature=repr(aligner), label="align", nj=nj, chunk=CHUNK
    )
    report = _report(records, made_from)
    write_alignments(output, {utt: from_json(record["words"]) for utt, record in records.items()})
    with atomic_write(report_path(output)) as handle:
        json.dump(asdict(report), handle, indent=1, ensure_ascii=False)
        handle.write("\n")
    journal.unlink()
    return report


def _align(aligner: Aligner, utt: str, payload: tuple[str, int, str]) -> Record:
    path, _, text = payload
    try:
        return {"words": to_json(aligner.align(utt, path, text))}
    except AlignerUnavailable:
        raise
    except UserError as error:
        return {"words": to_json(map(not_found, text.split())), "failed": str(error)}


def _finished(output: Path, made_from: str) -> AlignmentReport | None:
    """The report of a complete run from the same input, if there is one."""
    try:
        report = AlignmentReport(**json.loads(report_path(output).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return report if report.made_from == made_from and output.is_file() else None


def _report(records: Mapping[str, Record], made_from: str) -> AlignmentReport:
    report = AlignmentReport(utterances=len(records), made_from=made_from)
    for utt, record in records.items():
        found = [word for word in from_json(record["words"]) if word.found]
        report.words += len(record["words"])
        report.words_aligned += len(found)
        report.seconds += sum(word.duration for word in found)
        if "failed" in record:
            report.failed[utt] = record["failed"]
    report.seconds = round(report.seconds, 3)
    return report
