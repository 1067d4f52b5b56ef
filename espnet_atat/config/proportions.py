"""The share of *slu* and *nlu* in pretraining if other corpora replace the paper's music.

The paper draws its batches from LibriSpeech's 281 k utterances, for *asr* and again for *mlm*, and from 3 M music
commands, for *slu* and for *nlu*. A public corpus has a hundredth of these commands. By its number of examples *slu*
would be 4 % of what is drawn; in the paper's proportions each command would come 130 times while a sentence comes once.
A task of n examples therefore weighs

    n^(1/T) · m^(1 - 1/T),    m = 10.7 · (the weight of *asr*)

This is the smoothing by temperature of multilingual models (p ∝ n^(1/T)), towards the paper's proportions m in place of
equal ones. With T = 1 a task weighs its number of examples. With n = m, as in the paper, the weight is m whatever T is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from espnet_atat.config.layout import DUMP
from espnet_atat.data.mixture import TREE_TASKS, Part
from espnet_atat.errors import UserError

#: T where a mixture says none: the geometric mean of n and m.
TEMPERATURE = 2.0
#: The paper's music commands to one utterance of LibriSpeech's 960 h.
COMMANDS_TO_SENTENCES = 3_000_000 / 281_241


def smoothed(examples: float, asr: float, temperature: float) -> float:
    """Weight of a task of trees beside *asr* of that weight."""
    of_paper = COMMANDS_TO_SENTENCES * asr
    return of_paper * (examples / of_paper) ** (1 / temperature)


def with_weights(
    entries: Sequence[Mapping[str, Any]], others: Sequence[Part], temperature: float
) -> list[dict[str, Any]]:
    """Entries of a mixture with weights; the sets of a task share its weight by their numbers of examples.

    Args:
        entries: of slu and nlu. They stay as they are where no *asr* is mixed in, or where data are not prepared yet.
        others: the rest of the mixture.
    """
    parts = [Part(**entry) for entry in entries]
    asr = sum(part.weight or number_of(part) for part in others if part.task == "asr")
    numbers = [number_of(part) for part in parts]
    if not asr or not all(numbers):
        return [dict(entry) for entry in entries]
    totals = Counter[str]()
    for part, number in zip(parts, numbers, strict=True):
        totals[part.task] += number
    return [
        {**entry, "weight": max(1, round(smoothed(total, asr, temperature) * number / total))}
        for entry, part, number in zip(entries, parts, numbers, strict=True)
        for total in (totals[part.task],)
    ]


def number_of(part: Part) -> int:
    """Examples of a part; 0: it is not prepared."""
    file = DUMP / part.set / ("target" if part.task in TREE_TASKS else "text")
    if not file.is_file():
        return 0
    with file.open("rb") as handle:
        number = sum(1 for _ in handle)
    if part.limit is None:
        return number
    taken = round(part.limit * number) if part.limit < 1 else min(int(part.limit), number)
    return number - taken if part.complement else taken


def parse_temperature(value: object, where: str) -> float:
    """The value of the key ``temperature``.

    Raises:
        UserError: it is not a number of 1 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < float("inf"):
        raise UserError(f"{where}: temperature is a number, 1 or more, found {value!r}")
    return float(value)
