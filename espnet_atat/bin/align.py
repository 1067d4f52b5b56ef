"""Forced alignment (stage 4): write JSON lines with the start and end of every word, in seconds.

python -m espnet_atat.bin.align --aligner sphinx --data_dir data/mini/sentences_train --output ALIGN.jsonl --nj 2
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.arguments import positive
from espnet_atat.bin import add_aligner, add_force, given, make, new_parser, start
from espnet_atat.graph.pool import limit_threads
from espnet_atat.stages import OF_ALIGNER


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("align", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir with wav.scp and text")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines to write; its report goes beside it")
    parser.add_argument("--nj", type=positive, default=1, help="processes")
    add_force(parser)
    group = parser.add_argument_group("aligner")
    add_aligner(group)
    group.add_argument("--gentle_dir", metavar="DIR", help="a local installation of Gentle, instead of servers")
    group.add_argument("--gentle_python", metavar="PYTHON", help="its interpreter (default: python3)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.speech.alignment.aligners import make_aligner
    from espnet_atat.steps.stage04_align import align_node

    options = {"aligner": "sphinx", **given(args, *OF_ALIGNER)}
    local = {"gentle_dir": args.gentle_dir, "gentle_python": args.gentle_python}
    aligner = make_aligner(options.pop("aligner"), **options, **local)
    make(align_node(args.data_dir, args.output, aligner, args.nj), force=args.force)


if __name__ == "__main__":
    start(main)
