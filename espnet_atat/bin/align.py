"""Find the time of every word of a data dir by forced alignment (stage 4).

python -m espnet_atat.bin.align --aligner sphinx --data_dir data/mini/sentences_train --output ALIGN.jsonl --nj 2
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard, make, new_parser
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("align", "Forced alignment: JSON lines with the start and end of every word, in seconds.")
    parser.add_argument("--aligner", choices=("sphinx", "gentle"), default="sphinx", help="gentle is the paper's")
    parser.add_argument("--data_dir", type=Path, required=True, help="data dir with wav.scp and text")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines to write; its report goes beside it")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    parser.add_argument("--force", action="store_true", help="align again what is there and complete")
    gentle = parser.add_argument_group("gentle")
    where = gentle.add_mutually_exclusive_group()
    where.add_argument("--gentle_url", default="http://localhost:8765", help="a running server")
    where.add_argument("--gentle_dir", help="a local installation, instead of a server")
    gentle.add_argument("--gentle_python", default="python3", help="interpreter of the local installation")
    gentle.add_argument("--gentle_timeout", type=float, default=300.0, help="seconds that an utterance may take")
    gentle.add_argument("--gentle_retries", type=int, default=4, help="further attempts after a fault of the server")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import DataDir
    from espnet_atat.speech.alignment.aligners import make_aligner
    from espnet_atat.speech.alignment.run import align_set

    gentle = {name: value for name, value in vars(args).items() if name.startswith("gentle_")}
    data, aligner = DataDir.load(args.data_dir), make_aligner(args.aligner, **gentle)
    make(
        4,
        args.output,
        {"aligner": repr(aligner)},
        lambda work: align_set(data, work, args.output, aligner, args.nj),
        sets=[args.data_dir],
        is_file=True,
        force=args.force,
    )


if __name__ == "__main__":
    sys.exit(main_guard(main))
