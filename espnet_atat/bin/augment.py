"""Write a data dir with copies of every utterance (stage 2), changed as the configuration says.

python -m espnet_atat.bin.augment --data_dir data/an4/train --output_dir data/an4/train_aug --config conf/augment.yaml
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from espnet_atat.bin import make, new_parser, start
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("augment", __doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir to read")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write, the originals included")
    parser.add_argument("--config", type=Path, default=Path("conf/augment.yaml"), help="YAML that says what is changed")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other random changes")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.config.layout import load_config
    from espnet_atat.datadir import DataDir
    from espnet_atat.schema import read
    from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set

    config = read(AugmentConfig, load_config(args.config), str(args.config), seed=args.seed)
    work_on = partial(augment_set, DataDir.load(args.data_dir), output=args.output_dir, config=config, nj=args.nj)
    make(2, args.output_dir, config.identity(), work_on, sets=[args.data_dir])


if __name__ == "__main__":
    start(main)
