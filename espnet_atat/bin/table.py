"""Print a table, of stage 14 (exp/mini/tables/default.json) or kept (egs2/atat/mini/results/default.jsonl.xz)."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.bin import new_parser, start
from espnet_atat.errors import UserError
from espnet_atat.report.archives import SUFFIX, read_archive
from espnet_atat.report.tables import insert, markdown, terminal, times


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("table", __doc__)
    parser.add_argument("table", type=Path, help=f"JSON file of stage 14, or kept results (*{SUFFIX})")
    about = "write it into this Markdown file, between two marks with its name"
    parser.add_argument("--insert", type=Path, metavar="FILE", help=about)
    parser.add_argument("--format", choices=("terminal", "markdown"), default="terminal", help="of what is printed")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    name = args.table.name.removesuffix(SUFFIX).removesuffix(".json")
    content = _read_table(args.table, name)
    if args.insert:
        if not args.insert.is_file():
            raise UserError(f"{args.insert}: no such file")
        try:
            text = insert(content, name, args.insert.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{args.insert}: {error}") from error
        with atomic_write(args.insert) as handle:
            handle.write(text)
        return
    if args.format == "markdown":
        print(markdown(content), end="")
        return
    print(terminal(content))
    if content["stage_times"]:
        print(f"\ntime by stage: {times(content['stage_times'])}")
    if args.table.name.endswith(SUFFIX):
        print(f"hypotheses, metrics and training: {args.table.parent}, which --use_results reads")
        return
    folders = sorted({str(Path(path).parents[2]) for row in content["rows"] for path in row["files"]})
    print(f"hypotheses and metrics.json: {' '.join(folders)}")
    print(f"models and logs: exp/runs; this table: {args.table.with_suffix('.md')}")


def _read_table(path: Path, name: str) -> dict[str, Any]:
    try:
        kept = path.name.endswith(SUFFIX)
        text = read_archive(path)[f"tables/{name}.json"] if kept else path.read_text(encoding="utf-8")
        content: dict[str, Any] = json.loads(text)
        content["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a table of stage 14: {error}") from error
    return content


if __name__ == "__main__":
    start(main)
