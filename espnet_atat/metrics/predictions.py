"""References and predictions by utterance id, with file and line of each for messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_atat.bounded import read_whole
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError


@dataclass(frozen=True)
class Listing:
    """Utterance id → tree or words (empty: an empty hypothesis); and → ``file:line``, if read from files."""

    values: Mapping[str, str]
    name: str
    places: Mapping[str, str] = field(default_factory=dict)

    def where(self, utt_id: str) -> str:
        """``file:line: utterance ID``, as far as known."""
        return f"{self.places.get(utt_id, self.name)}: utterance {utt_id!r}"


def read_listing(paths: str | Path | Sequence[str | Path]) -> Listing:
    """Read one file of two columns, or several as one (such as the folds of a cross validation)."""
    if isinstance(paths, str | Path):
        paths = [paths]
    values: dict[str, str] = {}
    places: dict[str, str] = {}
    for path in paths:
        for number, (utt_id, value) in enumerate(read_two_column(path).items(), start=1):
            place = f"{path}:{number}"
            if utt_id in values:
                raise UserError(f"{place}: id {utt_id!r} a second time; the first is at {places[utt_id]}")
            values[utt_id] = value
            places[utt_id] = place
    return Listing(values, " + ".join(map(str, paths)), places)


def check_same_ids(reference: Listing, predicted: Listing) -> None:
    """Check that both listings have the same utterances; scoring joins them by id."""
    missing = [utt_id for utt_id in reference.values if utt_id not in predicted.values]
    if missing:
        raise UserError(
            f"{predicted.name}: no prediction for {_some(missing)} ({reference.where(missing[0])}); "
            "an utterance that could not be decoded needs a line with only its id"
        )
    extra = [utt_id for utt_id in predicted.values if utt_id not in reference.values]
    if extra:
        raise UserError(f"{predicted.where(extra[0])} is not in the reference {reference.name}; extra: {_some(extra)}")
    if not reference.values:
        raise UserError(f"{reference.name}: there are no utterances")


def read_predictions(path: str | Path) -> list[str]:
    """Read a file with one item per line (words heard in training, ids of a subset); blank lines are skipped."""
    items = []
    try:
        lines = read_whole(path).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start + 1} is not UTF-8; convert the file to UTF-8") from error
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if len(fields) > 1:
            raise UserError(f"{path}:{number}: {len(fields)} items on one line ({line!r}); put one per line")
        items.extend(fields)
    return items


def _some(utt_ids: Iterable[str]) -> str:
    utt_ids = list(utt_ids)
    rest = f" and {len(utt_ids) - 3} more" if len(utt_ids) > 3 else ""
    return ", ".join(map(repr, utt_ids[:3])) + rest
