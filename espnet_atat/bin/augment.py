"""Write an augmented copy of a data dir (stage 2): speed perturbation, random changes, preparation.

python -m espnet_atat.bin.augment --data_dir data/an4/train --output_dir data/an4/train_aug --config conf/augment.yaml
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard, make, new_parser
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser(
        "augment", "Write a data dir with copies of every utterance, changed as the configuration says."
    )
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir to read")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write, the originals included")
    parser.add_argument("--config", type=Path, default=Path("conf/augment.yaml"), help="YAML that says what is changed")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other random changes")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.config.layout import load_yaml
    from espnet_atat.datadir import DataDir
    from espnet_atat.schema import read
    from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set

    config = read(AugmentConfig, load_yaml(args.config), str(args.config), seed=args.seed)
    data = DataDir.load(args.data_dir)
    make(
        2,
        args.output_dir,
        config,
        lambda work: augment_set(data, work, args.output_dir, config, args.nj),
        sets=[args.data_dir],
    )


if __name__ == "__main__":
    sys.exit(main_guard(main))
