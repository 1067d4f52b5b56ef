r"""Write a copy of a data dir in which a share of the words is masked in the audio (stage 5): for the task mlm.

python -m espnet_atat.bin.mask --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/sentences_train_mlm
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from espnet_atat.arguments import positive
from espnet_atat.bin import make, new_parser, options_of, start
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("mask", __doc__)
    add = parser.add_argument
    add("--data_dir", type=Path, required=True, help="data dir to read")
    add("--alignments", type=Path, required=True, help="its alignments, from espnet_atat.bin.align")
    add("--output_dir", type=Path, required=True, help="data dir to write")
    add("--ratio", type=float, default=0.15, help="expected share of the aligned words; the paper's")
    about = "zeros, white noise at the utterance's level, or noise with its average spectrum"
    add("--fill", choices=("silence", "noise", "mean"), default="silence", help=about)
    add("--seed", type=int, default=0, help="another seed masks other words")
    add("--min_masked", type=int, default=0, help="words masked at least in each utterance")
    add("--nj", type=positive, default=1, help="processes")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.alignment.record import read_alignments
    from espnet_atat.speech.mask_set import mask_set
    from espnet_atat.speech.masking import MaskConfig

    data, alignments = DataDir.load(args.data_dir), read_alignments(args.alignments)
    config, output = options_of(MaskConfig, args), args.output_dir
    work_on = partial(mask_set, data, alignments, output=output, config=config, nj=args.nj)
    make(5, output, config, work_on, sets=[args.data_dir], files=[args.alignments])


if __name__ == "__main__":
    start(main)
