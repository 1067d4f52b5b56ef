"""Comparison of a table's rows with the paper's figures, and with other rows by the paired bootstrap."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_atat.config.table import Table
from espnet_atat.errors import UserError
from espnet_atat.metrics.comparison import compare
from espnet_atat.metrics.metrics_file import read_metrics

#: Stands in place of the paper's figures beside synthetic test audio.
NOT_COMPARABLE = "not comparable: synthetic audio"


def compare_rows(rows: Sequence[dict[str, Any]], table: Table, *, dev: bool = False) -> None:
    """Add ``paper``, ``baseline`` and ``relative`` to each row.

    Args:
        dev: the rows were tested on dev sets: the paper has no figures for these, and a row whose baseline has another
            dev set (synthetic speech has its own) is not compared. ``relative`` compares only rows on the same set.
    """
    for row in rows:
        row["paper"] = table.paper.rows.get(row["system"]) if table.paper and not dev else None
        if row["paper"] is not None and row["test_audio"] and row["test_audio"]["engine"]:
            row["paper"] = NOT_COMPARABLE
        for key, other in (("baseline", table.baseline.get(row["system"])), ("relative", table.relative_to)):
            row[key] = None
            if other not in (None, row["system"]):
                row[key] = _difference(row, other, rows, must_exist=key == "baseline" and not dev)


def _difference(
    row: Mapping[str, Any], other: str, rows: Sequence[Mapping[str, Any]], *, must_exist: bool
) -> dict[str, Any] | None:
    """A row minus another system's on the same set, by configurations of one name; the leading ones in any case."""
    found = [each for each in rows if (each["system"], each["set"]) == (other, row["set"])]
    if not found and not must_exist:
        return None
    if not found:
        raise UserError(f"system {other} is not tested on {row['set']}, so {row['system']} cannot be compared with it")
    columns = {}
    leading, theirs = next(iter(row["columns"])), next(iter(found[0]["columns"]))
    for config in row["columns"]:
        same = config if config in found[0]["columns"] else theirs if config == leading else None
        if same is not None:
            sides = [_scores(row, config), _scores(found[0], same)]
            columns[config] = {key: _outcome(entry) for key, entry in compare(*sides)["figures"].items()}
    return {"system": other, "columns": columns}


def _scores(row: Mapping[str, Any], config: str) -> list[tuple[str, dict[str, Any]]]:
    """The row's files of one inference configuration (…/<config>/<set>/metrics.json), read."""
    return [(file, read_metrics(file)) for file in row["files"] if Path(file).parts[-3] == config]


def _outcome(entry: Mapping[str, Any]) -> dict[str, Any]:
    better = {"a": "row", "b": "baseline", None: None}[entry["better"]]
    return {key: entry[key] for key in ("difference", "interval", "p_value")} | {"better": better}
