"""Score predictions against references, both `utt-id tree-or-words`, one per line.

Whether they are trees or plain words is read off the references; espnet_atat/metrics/scoring.py tells what metrics.json
holds.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import new_parser, start
from espnet_atat.errors import UserError
from espnet_atat.graph.work import check_replaceable, keep_apart
from espnet_atat.metrics.predictions import read_predictions
from espnet_atat.metrics.render import score_table
from espnet_atat.metrics.scoring import HYPOTHESES, SCORERS, score_files


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("score", __doc__)
    add = parser.add_argument
    add("--ref", required=True, nargs="+", metavar="FILE", help="references; several are pooled")
    add("--hyp", required=True, nargs="+", metavar="FILE", help="predictions; several are pooled")
    add("--output", required=True, metavar="JSON", help="where metrics.json goes")
    add("--bpemodel", metavar="FILE", help="sentencepiece model; adds the token error rate")
    about = "what must match in a tree: intent, slots, values (frame); intent and slot names (tags: FSC's 3-tuple)"
    add("--hypothesis", choices=HYPOTHESES, default="frame", help=about)
    about = "for exact match, bracketing and tree validity; top: as lenient as the scorer that comes with Facebook TOP"
    add("--scorer", choices=SCORERS, default="strict", help=about)
    about = (
        "words heard in training, one per line; also scores utterances with only these (heard) and the rest (unheard)"
    )
    add("--heard_words", metavar="FILE", help=about)
    about = "also score the utterances whose ids FILE lists, one per line; may be given again"
    add("--subset", action="append", default=[], metavar="NAME=FILE", help=about)
    about = "remember this in metrics.json, such as text_form=official; may be given again"
    add("--info", action="append", default=[], metavar="KEY=VALUE", help=about)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    output, subsets = Path(args.output), _pairs("--subset", args.subset)
    read = [*args.ref, *args.hyp, *subsets.values(), *filter(None, (args.bpemodel, args.heard_words))]
    keep_apart(output, map(Path, read), file=True)
    check_replaceable(output, lambda file: file.read_bytes()[:1] == b"{", file=True)  # an earlier metrics.json
    result = score_files(
        args.ref,
        args.hyp,
        args.output,
        hypothesis=args.hypothesis,
        scorer=args.scorer,
        heard_words=None if args.heard_words is None else read_predictions(args.heard_words),
        subsets={name: read_predictions(path) for name, path in subsets.items()},
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
            raise UserError(f"{option} {value}: expected NAME=VALUE")
        if name in pairs:
            raise UserError(f"{option} {value}: {name} is given twice")
        pairs[name] = content
    return pairs


if __name__ == "__main__":
    start(main)
