"""Compare two systems scored on the same utterances.

Prints the difference A − B of every figure, its 95 % interval and two-sided p-value, by a paired bootstrap. Several
files a side are seeds of one system: each utterance's counts are averaged over them.

compare A/metrics.json B/metrics.json
compare --a a1.json a2.json --b b1.json b2.json
"""

import argparse
from collections.abc import Sequence

from espnet_atat.atomic import write_json
from espnet_atat.bin import new_parser, start
from espnet_atat.errors import UserError
from espnet_atat.metrics.comparison import compare
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.metrics.render import comparison_table


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("compare", __doc__)
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
    a, b = ([(path, read_metrics(path)) for path in paths] for paths in (args.a, args.b))
    result = compare(a, b, subset=args.subset)
    print(comparison_table(result))
    if args.output:
        write_json(args.output, result, indent=2, ensure_ascii=False)
        print(f"\nwritten: {args.output}")


if __name__ == "__main__":
    start(main)
