"""Make a token list and its models from targets: what stage 7 does, for a corpus of one's own.

python -m espnet_atat.bin.token_list --targets data/x/train/target --output_dir tokens --bpe_size 500
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.atomic import atomic_dir
from espnet_atat.bin import main_guard
from espnet_atat.datadir import read_two_column
from espnet_atat.text.bpe import train_target_model
from espnet_atat.text.tokenizer import target_words
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.token_list",
        description="Write tokens.txt, bpe.model, characters.txt and, on request, text_tokenizer/.",
    )
    parser.add_argument("--targets", type=Path, nargs="+", required=True, help="files of ids with trees or words")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write; replaced if it is there")
    parser.add_argument("--bpe_size", type=int, default=5000, help="word pieces (default: %(default)s, the paper's)")
    parser.add_argument("--wordpiece_size", type=int, help="also train a text tokenizer of this size")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    targets = [target for path in args.targets for target in read_two_column(path).values()]
    model = train_target_model(targets, args.bpe_size)
    with atomic_dir(args.output_dir) as folder:
        model.save(folder)
        if args.wordpiece_size is not None:
            lines = [" ".join(target_words(target)) for target in targets]
            save_wordpiece(train_wordpiece(lines, args.wordpiece_size), folder / "text_tokenizer")
    print(f"wrote {args.output_dir}: {len(model.vocabulary)} tokens of {len(targets)} targets")


if __name__ == "__main__":
    sys.exit(main_guard(main))
