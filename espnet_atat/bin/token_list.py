r"""Write tokens.txt, bpe.model, characters.txt and, on request, text_tokenizer/: stage 7 for a corpus of one's own.

python -m espnet_atat.bin.token_list --targets data/x/train/target --output_dir tokens --bpe_size 500
python -m espnet_atat.bin.token_list --targets data/y/train/target --output_dir grown --grow_from tokens --grow_bpe true
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import new_parser, start, to_bool
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError, naming
from espnet_atat.graph.work import working
from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.growth import BPEGrowth, grow_folder
from espnet_atat.text.tokenizer import target_words
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("token_list", __doc__)
    add = parser.add_argument
    add("--targets", type=Path, nargs="+", required=True, help="files of ids with trees or words")
    add("--output_dir", type=Path, required=True, help="folder to write; replaced if this command made it")
    add("--bpe_size", type=int, help="word pieces (default: 5000, the paper's; with --grow_bpe: 500)")
    add("--wordpiece_size", type=int, help="also train a text tokenizer of this size")
    add = parser.add_argument_group("Growth: the tokens of a pretrained model, and new ones at the end").add_argument
    add("--grow_from", type=Path, metavar="DIR", help="a folder that this command or stage 7 wrote")
    add("--grow_bpe", type=to_bool, default=False, metavar="BOOL", help="new pieces for words of many old ones")
    add("--pieces_per_word", type=int, help="of more old pieces than this (default: 3)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    targets = [target for path in args.targets for target in read_two_column(path).values()]
    if args.grow_from is not None:
        _grow(args, targets)
        return
    if args.grow_bpe or args.pieces_per_word is not None:
        raise UserError("--grow_bpe and --pieces_per_word go with --grow_from: there is no old BPE model to grow")
    with working(args.output_dir, None, inputs=args.targets) as folder:
        with naming(", ".join(map(str, args.targets))):
            facts = make_target_model(targets, 5000 if args.bpe_size is None else args.bpe_size, folder)
        if args.wordpiece_size is not None:
            lines = [" ".join(target_words(target)) for target in targets]
            save_wordpiece(train_wordpiece(lines, args.wordpiece_size), folder / "text_tokenizer")
    print(f"wrote {args.output_dir}: {facts['tokens']} tokens of {len(targets)} targets")


def _grow(args: argparse.Namespace, targets: Sequence[str]) -> None:
    if args.wordpiece_size is not None:
        raise UserError("--wordpiece_size: a grown model keeps its text encoder, and that its tokenizer: leave it out")
    given = {"size": args.bpe_size, "pieces_per_word": args.pieces_per_word}
    if not args.grow_bpe and any(value is not None for value in given.values()):
        raise UserError("--bpe_size and --pieces_per_word say how to grow the BPE model: give --grow_bpe true")
    bpe = BPEGrowth(**{name: value for name, value in given.items() if value is not None}) if args.grow_bpe else None
    with working(args.output_dir, None, inputs=(*args.targets, args.grow_from)) as folder:
        old, new = grow_folder(args.grow_from, targets, folder, bpe)
    added, words = len(new.vocabulary) - len(old.vocabulary), len(new.grown_words) - len(old.grown_words)
    print(f"wrote {args.output_dir}: {len(new.vocabulary)} tokens, {added} of them new, {words} words split anew")


if __name__ == "__main__":
    start(main)
