"""Write the features of a data dir as a dump dir (stage 6).

python -m espnet_atat.bin.features --data_dir data/mini/music_train --output_dir dump/mini/music_train --nj 2
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard, to_bool
from espnet_atat.speech.parallel import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.features",
        description="Write 80-dimensional log mel filterbank features (25 ms windows every 10 ms) as Kaldi arks.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir to read; without wav.scp it is copied")
    parser.add_argument("--output_dir", type=Path, required=True, help="dump dir to write")
    parser.add_argument("--feats_type", choices=("fbank", "raw"), default="fbank", help="raw: a checked wav.scp")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    parser.add_argument("--compress", type=to_bool, default=False, metavar="BOOL", help="one byte a value, not four")
    parser.add_argument("--resample", type=to_bool, default=False, metavar="BOOL", help="convert to 16 kHz, mono")
    parser.add_argument("--keep_all", type=to_bool, metavar="BOOL", help="bad audio is an error; default: in test sets")
    parser.add_argument(
        "--allow_bad_test", type=to_bool, default=False, metavar="BOOL", help="drop bad audio of a test set by name"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import UNREADABLE, DataDir, is_test_set, read_two_column
    from espnet_atat.speech.features import FeatureConfig, make_dump

    started = time.monotonic()
    keep_all = is_test_set(args.data_dir.resolve().name) if args.keep_all is None else args.keep_all
    config = FeatureConfig(
        feats_type=args.feats_type,
        compress=args.compress,
        resample=args.resample,
        allow_bad=args.allow_bad_test or not keep_all,
    )
    listed = args.data_dir / UNREADABLE
    unusable = read_two_column(listed) if listed.is_file() else {}
    report = make_dump(DataDir.load(args.data_dir), args.output_dir, config, nj=args.nj, unusable=unusable)
    print("\n".join(report.lines(args.data_dir.name)))
    elapsed = time.monotonic() - started
    speed = f", {report.seconds / 3600 / (elapsed / 60):.2f} hours of speech a minute" if report.seconds else ""
    print(f"wrote {args.output_dir} in {elapsed:.1f} s{speed}")


if __name__ == "__main__":
    sys.exit(main_guard(main))
