"""References and predictions as listings by utterance id, which know where each line stands, for messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError

SHOWN = 3  # ids that a message names before it only counts


@dataclass(frozen=True)
class Listing:
    """Utterance id → tree or words.

    Attributes:
        values: what is listed; the empty string is an empty hypothesis.
        name: of the whole, for messages.
        places: id → ``file:line``, where the listing was read from files.
    """

    values: Mapping[str, str]
    name: str
    places: Mapping[str, str] = field(default_factory=dict)

    def where(self, utt_id: str) -> str:
        """``file:line: utterance ID``, or as much of that as is known."""
        place = self.places.get(utt_id, self.name)
        return f"{place}: utterance {utt_id!r}"


def read_listing(paths: str | Path | Sequence[str | Path]) -> Listing:
    """Read one file of two columns, or several as one (the folds of a cross validation, say).

    Raises:
        UserError: a line that cannot be read, or an id that stands twice, in one file or in two.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    values: dict[str, str] = {}
    places: dict[str, str] = {}
    for path in paths:
        for number, (utt_id, value) in enumerate(read_two_column(path).items(), start=1):
            place = f"{path}:{number}"
            if utt_id in values:
                raise UserError(f"{place}: id {utt_id!r} a second time; it stands at {places[utt_id]} too")
            values[utt_id] = value
            places[utt_id] = place
    return Listing(values, " + ".join(map(str, paths)), places)


def check_same_ids(reference: Listing, predicted: Listing) -> None:
    """Scoring joins by id: every utterance of one listing must be in the other.

    Raises:
        UserError: names the ids that are missing or extra, where they stand, and how many there are.
    """
    missing = [utt_id for utt_id in reference.values if utt_id not in predicted.values]
    if missing:
        raise UserError(
            f"{predicted.name}: no prediction for {_some(missing)} ({reference.where(missing[0])}); "
            "an utterance that could not be decoded needs a line with its id alone"
        )
    extra = [utt_id for utt_id in predicted.values if utt_id not in reference.values]
    if extra:
        raise UserError(f"{predicted.where(extra[0])} is not in the reference {reference.name}; extra: {_some(extra)}")
    if not reference.values:
        raise UserError(f"{reference.name}: there are no utterances")


def read_column(path: str | Path) -> list[str]:
    """Read a file of one item a line (words heard in training; the ids of a subset); blank lines are passed over.

    Raises:
        UserError: a line with more than one item, or a file that is not UTF-8.
    """
    items = []
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start + 1} is not UTF-8; convert the file to UTF-8") from error
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if len(fields) > 1:
            raise UserError(f"{path}:{number}: {len(fields)} items on one line ({line!r}); put one a line")
        items.extend(fields)
    return items


def _some(utt_ids: Iterable[str]) -> str:
    utt_ids = list(utt_ids)
    rest = f" and {len(utt_ids) - SHOWN} more" if len(utt_ids) > SHOWN else ""
    return ", ".join(map(repr, utt_ids[:SHOWN])) + rest
