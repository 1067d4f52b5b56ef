"""Replace aligned words of a data dir's audio (stage 5): the set for the masked-audio task.

python -m espnet_atat.bin.mask --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/sentences_train_mlm
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.speech.parallel import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.mask",
        description="Write a copy of a data dir in which a share of the words is masked in the audio.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
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

    started = time.monotonic()
    config = MaskConfig(ratio=args.ratio, fill=args.fill, seed=args.seed, min_masked=args.min_masked)
    alignments = read_alignments(args.alignments)
    report = mask_set(DataDir.load(args.data_dir), alignments, args.output_dir, config, nj=args.nj)
    print("\n".join(report.lines(args.data_dir.name)))
    print(f"wrote {args.output_dir} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main_guard(main))
