"""Print a table that stage 14 wrote: ``table exp/mini/tables/default.json``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError
from espnet_atat.report.tables import markdown, terminal, times


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m espnet_atat.bin.table", description=__doc__)
    parser.add_argument("table", type=Path, help="JSON file of stage 14")
    parser.add_argument("--format", choices=("terminal", "markdown"), default="terminal", help="default: %(default)s")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    try:
        content = json.loads(args.table.read_text(encoding="utf-8"))
        rows = content["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{args.table}: not a table of stage 14: {error}") from error
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
