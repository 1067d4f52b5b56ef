"""Comparison of a table's rows with the paper's figures, and with other rows by the paired bootstrap."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_atat.config.table import Table
from espnet_atat.metrics.comparison import compare
from espnet_atat.metrics.metrics_file import read_metrics

#: Stands in place of the paper's figures beside synthetic test audio.
NOT_COMPARABLE = "not comparable: synthetic audio"


def compare_rows(rows: Sequence[dict[str, Any]], table: Table, *, dev: bool = False) -> None:
    """Add ``paper``, ``baseline`` and ``relative`` to each row.

    Args:
        dev: the rows were tested on dev sets: the paper has no figures for these. Only rows on the same set are
            compared (``config.selection`` sees to it that a baseline's are; of dev sets, synthetic speech has its own).
    """
    for row in rows:
        row["paper"] = table.paper.rows.get(row["system"]) if table.paper and not dev else None
        if row["paper"] is not None and row["test_audio"] and row["test_audio"]["engine"]:
            row["paper"] = NOT_COMPARABLE
        others = {each["system"]: each for each in rows if each["set"] == row["set"] and each is not row}
        for key, other in (("baseline", table.baseline.get(row["system"])), ("relative", table.relative_to)):
            row[key] = _difference(row, others[other]) if other in others else None


def _difference(row: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A row minus another system's on the same set, by configurations of one name; the leading ones in any case."""
    columns = {}
    leading, theirs = next(iter(row["columns"])), next(iter(other["columns"]))
    for config in row["columns"]:
        same = config if config in other["columns"] else theirs if config == leading else None
        if same is not None:
            sides = [_scores(row, config), _scores(other, same)]
            columns[config] = {key: _outcome(entry) for key, entry in compare(*sides)["figures"].items()}
    return {"system": other["system"], "columns": columns}


def _scores(row: Mapping[str, Any], config: str) -> list[tuple[str, dict[str, Any]]]:
    """The row's files of one inference configuration (…/<config>/<set>/metrics.json), read."""
    return [(file, read_metrics(file)) for file in row["files"] if Path(file).parts[-3] == config]


def _outcome(entry: Mapping[str, Any]) -> dict[str, Any]:
    better = {"a": "row", "b": "baseline", None: None}[entry["better"]]
    return {key: entry[key] for key in ("difference", "interval", "p_value")} | {"better": better}
