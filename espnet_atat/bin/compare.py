"""Compare two systems from their metrics.json files by a paired bootstrap."""

import argparse
import json
import sys
from collections.abc import Sequence

from espnet_atat.atomic import atomic_write
from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError
from espnet_atat.metrics.comparison import Named, compare
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.metrics.render import comparison_table


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.compare",
        description="Compare two systems scored on the same utterances: difference A − B of every figure, its 95 % "
        "interval and two-sided p-value, by a paired bootstrap. Several files a side are seeds of one system: each "
        "utterance's counts are averaged over them.",
        epilog="examples: compare A/metrics.json B/metrics.json;  compare --a a1.json a2.json --b b1.json b2.json",
    )
    parser.add_argument("metrics", nargs="*", metavar="JSON", help="metrics.json of A, then of B")
    parser.add_argument("--a", nargs="+", default=[], metavar="JSON", help="metrics.json of A's seeds")
    parser.add_argument("--b", nargs="+", default=[], metavar="JSON", help="metrics.json of B's seeds")
    parser.add_argument("--subset", metavar="NAME", help="compare on a subset that both were scored with")
    parser.add_argument("--output", metavar="JSON", help="also write the comparison to this file")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    if args.metrics and (args.a or args.b):
        raise UserError("give A and B either as two files or by --a and --b, not both")
    if len(args.metrics) == 2:
        args.a, args.b = args.metrics[:1], args.metrics[1:]
    if (args.metrics and len(args.metrics) != 2) or not (args.a and args.b):
        raise UserError("give two metrics.json files, or --a FILE … --b FILE …")
    result = compare(_load(args.a), _load(args.b), subset=args.subset)
    print(comparison_table(result))
    if args.output:
        with atomic_write(args.output) as handle:
            json.dump(result, handle, indent=2, ensure_ascii=False)
            handle.write("\n")
        print(f"\nwritten: {args.output}")


def _load(paths: Sequence[str]) -> list[Named]:
    return [(path, read_metrics(path)) for path in paths]


if __name__ == "__main__":
    sys.exit(main_guard(main))
