r"""Write utterances spliced from pieces of one speaker's aligned recordings: speech whose next word cannot be guessed.

python -m espnet_atat.bin.splice --data_dir data/mini/sentences_train --alignments ALIGN.jsonl \
    --output_dir data/mini/spliced_train --number 3000

The result is a set for the task asr; with --text, the lines and trees of another set in these voices: for the task slu.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.arguments import add_options
from espnet_atat.bin import add_force, make, new_parser, options_of, start


def get_parser() -> argparse.ArgumentParser:
    from espnet_atat.speech.splicing import SpliceConfig

    parser = new_parser("splice", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, nargs="+", help="data dirs to cut up")
    parser.add_argument("--alignments", type=Path, required=True, nargs="+", help="theirs, from espnet_atat.bin.align")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write")
    parser.add_argument("--text", type=Path, help="data dir whose lines are said, where one voice has all their words")
    parser.add_argument(
        "--effects", type=Path, help="YAML with changes of the result, as below effects in conf/augment.yaml"
    )
    add_options(parser, SpliceConfig)
    add_force(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    from espnet_atat.config.layout import load_config
    from espnet_atat.speech.augmentation.chain import Chain
    from espnet_atat.speech.splicing import SpliceConfig
    from espnet_atat.steps.stage05_mask import splice_node

    args.effects = Chain.from_config(load_config(args.effects), str(args.effects)) if args.effects else Chain()
    config = options_of(SpliceConfig, args)
    make(splice_node(args.data_dir, args.alignments, args.text, args.output_dir, config), force=args.force)


if __name__ == "__main__":
    start(main)
