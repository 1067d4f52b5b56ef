"""Alignments in memory and as JSON lines, whichever aligner made them.

One line an utterance: ``{"utt_id": "spk-utt", "words": [{"word", "start", "end", "case"}]}``. The words are all those
of the transcript, in order. ``case`` is Gentle's: ``success``, or ``not-found-in-audio``, whose times are null.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.bounded import numbered_lines
from espnet_atat.errors import UserError, naming
from espnet_atat.strict_json import parse_json

SUCCESS = "success"
NOT_FOUND = "not-found-in-audio"
#: Seconds behind the audio where a word may end, because aligners and features have frames.
SLACK = 0.1


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word of the transcript; its times, in seconds, are None where it was not found."""

    word: str
    start: float | None
    end: float | None
    case: str = SUCCESS

    @property
    def found(self) -> bool:
        return self.start is not None and self.end is not None

    @property
    def times(self) -> tuple[float, float]:
        """Start and end of a word that was found."""
        if self.start is None or self.end is None:
            raise ValueError(f"{self.word} was not found")
        return self.start, self.end


Alignment = tuple[AlignedWord, ...]


def not_found(word: str) -> AlignedWord:
    return AlignedWord(word, None, None, NOT_FOUND)


def aligned(word: str, start: float, end: float) -> AlignedWord:
    """A word that was found, its times rounded to milliseconds; not found if no millisecond of it is left."""
    start, end = round(start, 3), round(end, 3)
    return AlignedWord(word, start, end) if 0 <= start < end else not_found(word)


def to_json(words: Iterable[AlignedWord]) -> list[dict[str, Any]]:
    return [asdict(word) for word in words]


def from_json(words: Sequence[Mapping[str, Any]]) -> Alignment:
    """Words of one utterance. Raises UserError for a missing field, or for impossible times."""
    made = []
    for number, fields in enumerate(words):
        try:
            word, start, end, case = fields["word"], fields["start"], fields["end"], fields["case"]
        except (KeyError, TypeError) as error:
            raise UserError(f"word {number}: not an object with word, start, end and case: {fields!r}") from error
        if case == SUCCESS:
            if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in (start, end)):
                raise UserError(f"word {number} ({word}): start and end are {start!r} and {end!r}, not seconds")
            if not 0 <= start < end < math.inf:
                raise UserError(f"word {number} ({word}): it ends at {end} s and starts at {start} s")
            made.append(AlignedWord(str(word), float(start), float(end)))
        else:
            made.append(not_found(str(word)))
    return tuple(made)


def read_alignments(*paths: str | Path) -> dict[str, Alignment]:
    """Utterance → its words. Raises UserError, with file and line, for no alignment, or an utterance twice."""
    alignments: dict[str, Alignment] = {}
    for path in paths:
        for number, line in numbered_lines(path):
            match parse_json(line, f"{path}:{number}"):
                case {"utt_id": str(utt), "words": list(words)}:
                    pass
                case _:
                    raise UserError(f"{path}:{number}: not a JSON object with utt_id and words; align again")
            if utt in alignments:
                raise UserError(f"{path}:{number}: utterance {utt} a second time")
            with naming(f"{path}:{number}: {utt}"):
                alignments[utt] = from_json(words)
    return alignments


def check_times(words: Iterable[AlignedWord], seconds: float) -> None:
    """Refuse the times of another recording: a word that ends behind audio of so many seconds."""
    last = max((word.times[1] for word in words if word.found), default=0.0)
    if last > seconds + SLACK:
        raise UserError(f"a word ends at {last:g} s of audio of {seconds:.3f} s: align the set again")


def write_alignments(path: str | Path, alignments: Mapping[str, Iterable[AlignedWord]]) -> None:
    with atomic_write(path) as handle:
        for utt, words in alignments.items():
            handle.write(json.dumps({"utt_id": utt, "words": to_json(words)}, ensure_ascii=False) + "\n")
