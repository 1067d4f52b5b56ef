r"""Write tokens.txt, bpe.model, characters.txt and, on request, text_tokenizer/: stage 7 by hand.

python -m espnet_atat.bin.token_list --targets data/x/train/target --output_dir tokens --bpe_size 500
python -m espnet_atat.bin.token_list --targets data/y/train/target --output_dir grown --grow_from tokens --grow_bpe true
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from espnet_atat.bin import new_parser, start, to_bool
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError, naming
from espnet_atat.graph.digest import digest
from espnet_atat.graph.node import Node
from espnet_atat.stages import Stage
from espnet_atat.text.growth import BPEGrowth
from espnet_atat.text.token_folder import grow_folder, train_folder


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("token_list", __doc__)
    add = parser.add_argument
    add("--targets", type=Path, nargs="+", required=True, help="files of ids with trees or words")
    add("--output_dir", type=Path, required=True, help="folder to write; replaced if this command made it")
    add("--bpe_size", type=int, help="word pieces (default: 5000, the paper's; with --grow_bpe: 500)")
    add("--wordpiece_size", type=int, help="also train a text tokenizer of this size")
    add = parser.add_argument_group("Growth: the tokens of a pretrained model, and new ones at the end").add_argument
    add("--grow_from", type=Path, metavar="DIR", help="a folder that this command or stage 7 wrote")
    add("--grow_bpe", type=to_bool, default=False, metavar="BOOL", help="new pieces for words split too finely")
    add("--pieces_per_word", type=int, help="a word is split too finely into more old pieces than this (default: 3)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    targets = [target for path in args.targets for target in read_two_column(path).values()]
    made: dict[str, int] = {}
    if args.grow_from is not None:
        fill = partial(grow_folder, args.grow_from, targets, _growth(args))
    elif args.grow_bpe or args.pieces_per_word is not None:
        raise UserError("--grow_bpe and --pieces_per_word go with --grow_from: there is no old BPE model to grow")
    else:
        fill = partial(train_folder, targets, 5000 if args.bpe_size is None else args.bpe_size, args.wordpiece_size)

    def make(work: Path) -> Mapping[str, int]:
        with naming(", ".join(map(str, args.targets))):
            made.update(fill(work))
        return made

    Node(
        stage=Stage.TOKENS,
        at=args.output_dir,
        identify=lambda: {"targets": digest(targets), **{name: str(value) for name, value in vars(args).items()}},
        make=make,
        inputs=(*args.targets, *filter(None, [args.grow_from])),
    ).build()
    counts = ", ".join(f"{count} {what}" for what, count in made.items())
    print(f"wrote {args.output_dir}: {counts}, of {len(targets)} targets")


def _growth(args: argparse.Namespace) -> BPEGrowth | None:
    if args.wordpiece_size is not None:
        raise UserError("--wordpiece_size: a grown model keeps its text encoder and tokenizer: leave it out")
    given = {"size": args.bpe_size, "pieces_per_word": args.pieces_per_word}
    if not args.grow_bpe and any(value is not None for value in given.values()):
        raise UserError("--bpe_size and --pieces_per_word say how to grow the BPE model: give --grow_bpe true")
    return BPEGrowth(**{name: value for name, value in given.items() if value is not None}) if args.grow_bpe else None


if __name__ == "__main__":
    start(main)
