"""Find the time of every word of a data dir by forced alignment (stage 4).

python -m espnet_atat.bin.align --aligner sphinx --data_dir data/mini/sentences_train --output ALIGN.jsonl --nj 2
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
        prog="python -m espnet_atat.bin.align",
        description="Forced alignment: JSON lines with the start and end of every word, in seconds.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--aligner", choices=("sphinx", "gentle"), default="sphinx", help="gentle is the paper's")
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir with wav.scp and text")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines to write; its report goes beside it")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    parser.add_argument("--force", action="store_true", help="align again what is there and complete")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.alignment.run import align_set
    from espnet_atat.speech.alignment.sphinx import SphinxAligner

    started = time.monotonic()
    report = align_set(DataDir.load(args.data_dir), args.output, SphinxAligner(), nj=args.nj, force=args.force)
    print("\n".join(report.lines()))
    print(f"wrote {args.output} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main_guard(main))
