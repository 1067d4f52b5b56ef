"""Replace aligned words of a data dir's audio (stage 5): the set for the masked-audio task.

python -m espnet_atat.bin.mask --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/sentences_train_mlm
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard, make, new_parser, options_of
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("mask", "Write a copy of a data dir in which a share of the words is masked in the audio.")
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir to read")
    parser.add_argument("--alignments", type=Path, required=True, help="its alignments, from espnet_atat.bin.align")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write")
    parser.add_argument("--ratio", type=float, default=0.15, help="expected share of the aligned words; the paper's")
    parser.add_argument(
        "--fill",
        choices=("silence", "noise", "mean"),
        default="silence",
        help="zeros, white noise at the utterance's level, or noise with its average spectrum",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed masks other words")
    parser.add_argument("--min_masked", type=int, default=0, help="words masked at least in each utterance")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.alignment.record import read_alignments
    from espnet_atat.speech.mask_set import mask_set
    from espnet_atat.speech.masking import MaskConfig

    data, alignments = DataDir.load(args.data_dir), read_alignments(args.alignments)
    config = options_of(MaskConfig, args)
    make(
        5,
        args.output_dir,
        config,
        lambda work: mask_set(data, alignments, work, args.output_dir, config, args.nj),
        sets=[args.data_dir],
        files=[args.alignments],
    )


if __name__ == "__main__":
    sys.exit(main_guard(main))
