"""Write an augmented copy of a data dir (stage 2): speed perturbation, random changes, preparation.

python -m espnet_atat.bin.augment --data_dir data/an4/train --output_dir data/an4/train_aug --config conf/augment.yaml
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError
from espnet_atat.speech.parallel import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.augment",
        description="Write a data dir with copies of every utterance, changed as the configuration says.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
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
    import yaml

    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set

    started = time.monotonic()
    try:
        content = yaml.safe_load(args.config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{args.config}: cannot be read as YAML: {str(error).splitlines()[0]}") from error
    config = AugmentConfig.from_config(content, str(args.config), args.seed)
    report = augment_set(DataDir.load(args.data_dir), args.output_dir, config, nj=args.nj)
    print("\n".join(report.lines(args.data_dir.name)))
    print(f"wrote {args.output_dir} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main_guard(main))
