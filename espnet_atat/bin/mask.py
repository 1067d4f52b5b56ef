r"""Write a copy of a data dir in which a share of the words is masked in the audio (stage 5): for the task mlm.

python -m espnet_atat.bin.mask --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/sentences_train_mlm
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.arguments import add_options, positive
from espnet_atat.bin import add_force, make, new_parser, options_of, start
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    from espnet_atat.speech.masking import MaskConfig

    parser = new_parser("mask", __doc__)
    add = parser.add_argument
    add("--data_dir", type=Path, required=True, help="data dir to read")
    add("--alignments", type=Path, required=True, help="its alignments, from espnet_atat.bin.align")
    add("--output_dir", type=Path, required=True, help="data dir to write")
    add_options(parser, MaskConfig)
    add("--nj", type=positive, default=1, help="processes")
    add_force(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    limit_threads()
    args = get_parser().parse_args(argv)
    from espnet_atat.speech.masking import MaskConfig
    from espnet_atat.steps.stage05_mask import mask_node

    node = mask_node(args.data_dir, args.alignments, args.output_dir, options_of(MaskConfig, args), args.nj)
    make(node, force=args.force)


if __name__ == "__main__":
    start(main)
