"""Print a table, of stage 14 (exp/mini/tables/default.json) or kept (egs2/atat/mini/results/default.jsonl.xz)."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.bin import new_parser, start
from espnet_atat.corpora.readers import read_text
from espnet_atat.errors import UserError, naming
from espnet_atat.report.archives import SUFFIX, read_archive
from espnet_atat.report.tables import insert, markdown, terminal, times
from espnet_atat.strict_json import parse_json, read_json


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("table", __doc__)
    parser.add_argument("table", type=Path, help=f"JSON file of stage 14, or kept results (*{SUFFIX})")
    about = "write it into this Markdown file, between two marks with its name"
    parser.add_argument("--insert", type=Path, metavar="FILE", help=about)
    parser.add_argument("--format", choices=("terminal", "markdown"), default="terminal", help="how it is printed")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    name = args.table.name.removesuffix(SUFFIX).removesuffix(".json")
    if args.insert and not args.insert.is_file():
        raise UserError(f"{args.insert}: no such file")
    content = _read_table(args.table, name)
    try:
        text = _rendered(args, content, name)
    except UserError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # the file lacks what a table needs
        raise UserError(f"{args.table}: holds no table of stage 14 ({error!r}); make it anew") from error
    if args.insert:
        with atomic_write(args.insert) as handle:
            handle.write(text)
        return
    print(text, end="")


def _rendered(args: argparse.Namespace, content: dict[str, Any], name: str) -> str:
    if args.insert:
        before = read_text(args.insert)
        with naming(args.insert):
            return insert(content, name, before)
    if args.format == "markdown":
        return markdown(content)
    lines = [terminal(content)]
    if content["stage_times"]:
        lines.append(f"\ntime by stage: {times(content['stage_times'])}")
    if args.table.name.endswith(SUFFIX):
        lines.append(f"hypotheses, metrics and training: {args.table.parent}, which --use_results reads")
    else:
        folders = sorted({str(Path(path).parents[2]) for row in content["rows"] for path in row["files"]})
        lines.append(f"hypotheses and metrics.json: {' '.join(folders)}")
        lines.append(f"models and logs: exp/runs; this table: {args.table.with_suffix('.md')}")
    return "".join(f"{line}\n" for line in lines)


def _read_table(path: Path, name: str) -> dict[str, Any]:
    if not path.name.endswith(SUFFIX):
        content = read_json(path)
    elif (inside := f"tables/{name}.json") in (held := read_archive(path)):
        content = parse_json(held[inside], f"{path}: {inside}")
    else:
        raise UserError(f"{path}: holds no table of stage 14, no {inside}")
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no table of stage 14, but a {type(content).__name__}")
    return content


if __name__ == "__main__":
    start(main)
