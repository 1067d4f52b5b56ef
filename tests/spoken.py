"""Speech that ships with the repository: recordings of mini's corpus with their words, for tests that need some."""

import csv
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "egs2" / "atat" / "mini" / "corpus"


@dataclass(frozen=True)
class Spoken:
    """One recording: Ogg at 16 kHz, a synthetic voice, its words in lower case; and their tree, if the set has any."""

    id: str
    voice: str
    words: str
    tree: str = ""

    @property
    def path(self) -> Path:
        """The recording."""
        return CORPUS / "audio" / self.id.rpartition("-")[2].rpartition("_")[0] / f"{self.id}.ogg"


def spoken(name: str, number: int | None = None, *, shortest: int = 1) -> list[Spoken]:
    """The first ``number`` utterances of a set that have ``shortest`` words or more; all of them without a number."""
    with (CORPUS / f"{name}.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = [Spoken(row["utt_id"], row["voice"], row["words"], row["tree"]) for row in rows]
    return [one for one in found if len(one.words.split()) >= shortest][:number]
