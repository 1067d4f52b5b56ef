"""Write a data dir with copies of every utterance (stage 2), changed as the configuration says.

python -m espnet_atat.bin.augment --data_dir data/an4/train --output_dir data/an4/train_aug --config conf/augment.yaml
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.arguments import positive
from espnet_atat.bin import add_force, make, new_parser, start
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("augment", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir to read")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write, the originals included")
    parser.add_argument("--config", type=Path, default=Path("conf/augment.yaml"), help="YAML with the changes to make")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other random changes")
    parser.add_argument("--nj", type=positive, default=1, help="processes")
    add_force(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.config.layout import load_config
    from espnet_atat.schema import read
    from espnet_atat.speech.augmentation.augment_set import AugmentConfig
    from espnet_atat.steps.stage02_augment import augment_node

    config = read(AugmentConfig, load_config(args.config), str(args.config), seed=args.seed)
    make(augment_node(args.data_dir, args.output_dir, config, args.nj), force=args.force)


if __name__ == "__main__":
    start(main)
