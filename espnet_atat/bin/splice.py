r"""Write utterances spliced from pieces of one speaker's aligned recordings: speech whose next word cannot be guessed.

python -m espnet_atat.bin.splice --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/spliced_train --number 3000

The result is a set for the task asr; with --text, the lines and trees of another set in these voices: for the task slu.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from espnet_atat.bin import make, new_parser, options_of, start
from espnet_atat.stages import Stage


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("splice", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, nargs="+", help="data dirs to cut up")
    parser.add_argument("--alignments", type=Path, required=True, nargs="+", help="theirs, from espnet_atat.bin.align")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write")
    parser.add_argument("--text", type=Path, help="data dir whose lines are said, where one voice has all their words")
    parser.add_argument("--number", type=int, default=3000, help="utterances to make")
    parser.add_argument("--shortest", type=int, default=4, help="words of an utterance at least")
    parser.add_argument("--longest", type=int, default=10, help="words of an utterance at most")
    parser.add_argument("--piece", type=int, default=3, help="words of a piece at most")
    parser.add_argument("--seed", type=int, default=0, help="another seed splices other words")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.alignment.record import read_alignments
    from espnet_atat.speech.splicing import SpliceConfig, splice_set

    config = options_of(SpliceConfig, args)
    sets, alignments = [DataDir.load(path) for path in args.data_dir], read_alignments(*args.alignments)
    texts = None if args.text is None else DataDir.load(args.text)
    work_on = partial(splice_set, sets, alignments, texts, output=args.output_dir, config=config)
    read = [*args.data_dir, *filter(None, [args.text])]
    make(Stage.MASK, args.output_dir, config, work_on, sets=read, files=args.alignments)


if __name__ == "__main__":
    start(main)
