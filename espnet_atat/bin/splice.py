"""Make new utterances from the words of aligned ones: speech whose next word cannot be guessed.

python -m espnet_atat.bin.splice --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/spliced_train --number 3000

The result is a set for the task asr. Several sets may be given, each with its alignments. With --text it is the lines
of another set, with their trees, in these voices: a set for the task slu.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.splice",
        description="Write a data dir of utterances spliced from pieces of one speaker's aligned recordings.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data_dir", type=Path, required=True, nargs="+", help="data dirs to cut up")
    parser.add_argument("--alignments", type=Path, required=True, nargs="+", help="theirs, from espnet_atat.bin.align")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write")
    parser.add_argument("--text", type=Path, help="data dir whose lines are said, where one voice has all their words")
    parser.add_argument("--number", type=int, default=3000, help="utterances to make")
    parser.add_argument("--shortest", type=int, default=4, help="words of an utterance at least")
    parser.add_argument("--longest", type=int, default=10, help="words of an utterance at most")
    parser.add_argument("--piece", type=int, default=3, help="words of a piece at most")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes others")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.alignment.record import Alignment, read_alignments
    from espnet_atat.speech.splicing import SpliceConfig, splice_at_random, splice_texts, take_stock

    started = time.monotonic()
    config = SpliceConfig(args.number, args.shortest, args.longest, args.piece, args.seed)
    alignments: dict[str, Alignment] = {}
    for path in args.alignments:
        found = read_alignments(path)
        if twice := sorted(found.keys() & alignments.keys()):
            raise UserError(f"{path}: utterance {twice[0]} stands in another file of --alignments too")
        alignments |= found
    inventory = take_stock([DataDir.load(path) for path in args.data_dir], alignments)
    if args.text is None:
        made = splice_at_random(inventory, args.output_dir, config)
    else:
        made = splice_texts(inventory, DataDir.load(args.text), args.output_dir, config)
    print(f"cut up {inventory.used} recordings; left out {inventory.left_out} with a word that was not aligned")
    print(f"wrote {args.output_dir}: {made} utterances, in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main_guard(main))
