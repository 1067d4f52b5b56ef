"""Reading and writing ``metrics.json`` (see ``scoring`` for its format)."""

import json
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.errors import UserError

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
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not a metrics.json: {error}") from error
    if not isinstance(result, dict) or result.get("form") != METRICS_FORM or "counts" not in result:
        raise UserError(f"{path}: not a metrics.json of form {METRICS_FORM}; score again with bin.score")
    return result


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lines(columns: dict[str, list[int]]) -> str:
    if not columns:
        return "{}"
    return "{\n" + ",\n".join(f"      {_line(name)}: {_line(values)}" for name, values in columns.items()) + "\n    }"


def fold_name(number: int) -> str:
    return f"fold{number}"
