"""Write 80-dimensional log mel features (25 ms windows every 10 ms) of a data dir as Kaldi arks (stage 6).

python -m espnet_atat.bin.features --data_dir data/mini/music_train --output_dir dump/mini/music_train --nj 2

Or MFCC, 13 or 40 of a frame: --feats_type mfcc [--num_ceps 40] [--deltas true]
Or the states of a frozen speech encoder, by folder or hub name: --feats_type encoder --encoder whisper-tiny.en-encoder
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from espnet_atat.arguments import positive
from espnet_atat.bin import add_force, make, new_parser, start, to_bool
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("features", __doc__)
    add = parser.add_argument
    add("--data_dir", type=Path, required=True, help="data dir to read; without wav.scp it is copied")
    add("--output_dir", type=Path, required=True, help="dump dir to write")
    add("--feats_type", choices=("fbank", "raw", "encoder", "mfcc"), default="fbank", help="raw: a checked wav.scp")
    add("--encoder", metavar="NAME", help="encoder, for feats_type encoder: its last layer's states")
    add("--nj", type=positive, default=1, help="processes")
    add("--ngpu", type=int, default=0, choices=(0, 1), help="1: the encoder runs on a GPU")
    add("--compress", type=to_bool, default=True, metavar="BOOL", help="false: four bytes per value, not one")
    add("--num_ceps", type=int, choices=(13, 40), default=13, help="coefficients, for feats_type mfcc")
    add(
        "--deltas", type=to_bool, default=False, metavar="BOOL", help="with deltas (first, second), for feats_type mfcc"
    )
    add("--resample", type=to_bool, default=False, metavar="BOOL", help="convert to 16 kHz, mono")
    add("--keep_all", type=to_bool, metavar="BOOL", help="bad audio is an error; default: in test sets")
    add("--allow_bad_test", type=to_bool, default=False, metavar="BOOL", help="drop bad audio of a test set by name")
    add_force(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.config.encoder_input import EncoderInput
    from espnet_atat.datadir import is_test_set
    from espnet_atat.speech.features import FeatureConfig
    from espnet_atat.speech.mfcc import MfccConfig
    from espnet_atat.steps.stage06_features import features_node

    keep_all = is_test_set(args.data_dir.resolve().name) if args.keep_all is None else args.keep_all
    allow_bad = args.allow_bad_test or not keep_all
    if (args.feats_type == "encoder") != (args.encoder is not None):
        raise UserError("--feats_type encoder and --encoder NAME go together")
    if args.ngpu and args.encoder is None:
        raise UserError("--ngpu applies only to --feats_type encoder: leave it out")
    config = FeatureConfig(args.feats_type, args.compress, args.resample, allow_bad)
    if args.feats_type == "mfcc":
        config = MfccConfig(**vars(config), num_ceps=args.num_ceps, deltas=args.deltas)
    elif (args.num_ceps, args.deltas) != (13, False):
        raise UserError("--num_ceps and --deltas apply only to --feats_type mfcc")
    if args.encoder is not None:
        states = EncoderInput(args.encoder, stored=True).config(compress=args.compress, allow_bad=allow_bad)
        config = replace(states, resample=args.resample)
    make(features_node(args.data_dir, args.output_dir, config, args.nj, args.ngpu), force=args.force)


if __name__ == "__main__":
    start(main)
