"""Stage 14: ``exp/<recipe>/tables/<name>[_fold<K>][_dev].{json,md,tex,html}`` and its plots."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.config.layout import EXP
from espnet_atat.config.table import Table
from espnet_atat.graph.digest import digest, file_digest
from espnet_atat.graph.node import Identity, Node
from espnet_atat.report.plots import write_report
from espnet_atat.report.table_content import table_content, write_content
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.systems import attention_nodes


def plan(request: Request) -> Iterator[Node]:
    for table in request.selection.tables:
        scores = request.score_nodes(table)
        yield Node(
            stage=Stage.TABLE,
            at=table_file(request, table),
            identify=partial(_identity, request, table, scores),
            make=partial(_write, request, table),
            needs=tuple(scores),
            about=table.title,
            is_file=True,
            in_place=True,
        )


def table_file(request: Request, table: Table) -> Path:
    """The JSON file that the others are rendered from."""
    fold = request.selection.fold
    part = ("" if fold is None else f"_fold{fold}") + ("_dev" if request.decode_dev else "")
    return EXP / request.recipe / "tables" / f"{table.name}{part}.json"


def _identity(request: Request, table: Table, scores: Sequence[Node]) -> Identity:
    trials = [trial for trial in request.trials if trial.system.name in table.systems]
    seen = [*scores, *(node for node in attention_nodes(trials) if node.is_done)]
    return {
        "kind": "table",
        "espnet_atat": __version__,
        "table": digest([repr(table), [repr(system) for system in request.systems_of(table)]]),
        "seeds": request.selection.seeds,
        "files": {str(node.place): file_digest(node.place) for node in seen},
    }


def _write(request: Request, table: Table, _work: Path) -> Mapping[str, Any]:
    path = table_file(request, table)
    selection = request.selection
    name = re.sub(r"^table(?=\d+$)", "", table.name)
    chosen = selection.chosen if "--system" in selection.chosen else ("--table", name)
    options = dataclasses.replace(selection, chosen=chosen).arguments()
    command = " ".join(["./run.sh", *options, *(["--decode_dev"] if request.decode_dev else [])])
    content = table_content(
        table, request.systems_of(table), selection.seeds, selection.fold, command=command, dev=request.decode_dev
    )
    page = write_report(content, path.parent, path.stem)
    write_content(content, path)
    print(f"  wrote {path}, {path.stem}.md, {path.stem}.tex and {page.name} with its plots")
    return {"rows": len(content["rows"])}
