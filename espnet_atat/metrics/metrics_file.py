"""Reading and writing ``metrics.json`` (see ``scoring`` for its format)."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.errors import UserError
from espnet_atat.strict_json import read_json

METRICS_FILE = "metrics.json"
METRICS_FORM = 1
#: Entries of ``info`` that name files of training runs: the models behind the hypotheses.
MODEL_KEYS = ("model", "asr_model", "words", "language_model")


def write_metrics(path: str | Path, result: dict[str, Any]) -> None:
    """Write a result of ``scoring.score``: figures indented for reading, then the counts, one column per line."""
    counts = result["counts"]
    summary = json.dumps({key: value for key, value in result.items() if key != "counts"}, indent=2, ensure_ascii=False)
    with atomic_write(path) as handle:
        handle.write(summary.removesuffix("\n}") + ',\n  "counts": {\n')
        handle.write(f'    "utt_ids": {_line(counts["utt_ids"])},\n')
        handle.write(f'    "columns": {_lines(counts["columns"])},\n')
        handle.write(f'    "subsets": {_lines(counts["subsets"])}\n  }}\n}}\n')


def read_metrics(path: str | Path) -> dict[str, Any]:
    """What ``scoring.score`` gave.

    Raises:
        UserError: the file is not JSON, or not in that form: ids sorted, in each column a number for each of them.
    """
    result = read_json(path)
    if fault := _fault(result):
        raise UserError(f"{path}: not a metrics.json of form {METRICS_FORM}: {fault}; write it again with bin.score")
    return dict(result)


def _fault(result: object) -> str | None:
    if not isinstance(result, dict) or result.get("form") != METRICS_FORM:
        return "no object that names this form"
    kinds: dict[str, Any] = {"hypothesis": str | None, "utterances": int}
    kinds |= dict.fromkeys(("kind", "reference", "predicted"), str)
    kinds |= dict.fromkeys(("info", "figures", "subsets", "counts"), dict)
    if wrong := [key for key, kind in kinds.items() if key not in result or not isinstance(result[key], kind)]:
        return f"{wrong[0]} is missing, or of another type"
    utt_ids, columns, subsets = (result["counts"].get(key) for key in ("utt_ids", "columns", "subsets"))
    if not isinstance(utt_ids, list) or not all(isinstance(utt_id, str) for utt_id in utt_ids):
        return "no list of utterance ids"
    if any(former >= latter for former, latter in pairwise(utt_ids)):
        return "its utterance ids are not sorted, or one is there twice"
    size = len(utt_ids)
    if not isinstance(columns, dict) or not all(_are_numbers(each, size) for each in columns.values()):
        return "a column has not a number for each utterance"
    if not isinstance(subsets, dict) or not all(_are_places(each, size) for each in subsets.values()):
        return "a subset has entries that are not positions of utterances"
    return None


def _are_numbers(values: object, size: int) -> bool:
    """Is this a list of so many numbers? Shares of SLU-F1 are no whole ones."""
    return isinstance(values, list) and len(values) == size and all(type(value) in (int, float) for value in values)


def _are_places(values: object, limit: int) -> bool:
    """Is this a list of whole numbers from 0 to below a limit?"""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < limit for value in values)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lines(columns: dict[str, list[int]]) -> str:
    if not columns:
        return "{}"
    return "{\n" + ",\n".join(f"      {_line(name)}: {_line(values)}" for name, values in columns.items()) + "\n    }"


def fold_name(number: int) -> str:
    return f"fold{number}"
