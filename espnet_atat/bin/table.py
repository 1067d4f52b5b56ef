"""Print a table that stage 14 wrote: ``table exp/mini/tables/default.json``; or put it into a Markdown file."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.atomic import atomic_write
from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError
from espnet_atat.report.tables import insert, markdown, terminal, times


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m espnet_atat.bin.table", description=__doc__)
    parser.add_argument("table", type=Path, help="JSON file of stage 14")
    parser.add_argument(
        "--insert", type=Path, metavar="FILE", help="write it into this Markdown file, between two marks with its name"
    )
    parser.add_argument("--format", choices=("terminal", "markdown"), default="terminal", help="default: %(default)s")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    try:
        content = json.loads(args.table.read_text(encoding="utf-8"))
        rows = content["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{args.table}: not a table of stage 14: {error}") from error
    if args.insert:
        if not args.insert.is_file():
            raise UserError(f"{args.insert}: no such file")
        try:
            text = insert(content, args.table.stem, args.insert.read_text(encoding="utf-8"))
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
    folders = sorted({str(Path(path).parents[2]) for row in rows for path in row["files"]})
    print(f"hypotheses and metrics.json: {' '.join(folders)}")
    print(f"models and logs: exp/runs; this table: {args.table.with_suffix('.md')}")


if __name__ == "__main__":
    sys.exit(main_guard(main))
