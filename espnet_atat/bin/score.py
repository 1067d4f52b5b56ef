"""Score predictions against references; see espnet_atat/metrics/scoring.py for what metrics.json holds."""

import argparse
import sys
from collections.abc import Sequence

from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError
from espnet_atat.metrics.predictions import read_column
from espnet_atat.metrics.render import score_table
from espnet_atat.metrics.scoring import HYPOTHESES, score_files


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.score",
        description="Score predictions against references, both `utt-id tree-or-words`, one a line; whether they are "
        "trees or plain words is read off the references.",
    )
    parser.add_argument("--ref", required=True, nargs="+", metavar="FILE", help="references; several are pooled")
    parser.add_argument("--hyp", required=True, nargs="+", metavar="FILE", help="predictions; several are pooled")
    parser.add_argument("--output", required=True, metavar="JSON", help="where metrics.json goes")
    parser.add_argument("--bpemodel", metavar="FILE", help="sentencepiece model; adds the token error rate")
    parser.add_argument(
        "--hypothesis",
        choices=HYPOTHESES,
        default="frame",
        help="what a tree's hypothesis is: intent and slots with values (frame), or intent and slot names, no words "
        "(tags: FSC's 3-tuple); default %(default)s",
    )
    parser.add_argument(
        "--heard_words",
        metavar="FILE",
        help="words heard in training, one a line; scores utterances with and without others apart (heard, unheard)",
    )
    parser.add_argument(
        "--subset",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="also score the utterances whose ids FILE lists, one a line; may be given again",
    )
    parser.add_argument(
        "--info",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="remember this in metrics.json, such as text_form=official; may be given again",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    result = score_files(
        args.ref,
        args.hyp,
        args.output,
        hypothesis=args.hypothesis,
        heard_words=None if args.heard_words is None else read_column(args.heard_words),
        subsets={name: read_column(path) for name, path in _pairs("--subset", args.subset).items()},
        bpemodel=args.bpemodel,
        info=_pairs("--info", args.info),
    )
    print(score_table(result))
    print(f"\nwritten: {args.output}")


def _pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, content = value.partition("=")
        if not (name and equals and content):
            raise UserError(f"{option} {value}: wants NAME=VALUE")
        if name in pairs:
            raise UserError(f"{option} {value}: {name} is given twice")
        pairs[name] = content
    return pairs


if __name__ == "__main__":
    sys.exit(main_guard(main))
