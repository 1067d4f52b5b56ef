r"""The two-stage pipeline, a baseline: a tagger trained on text predicts trees from a recogniser's words.

python -m espnet_atat.bin.pipeline train crf --data_dirs data/mini/music_train data/mini/music_text --output_dir CRF
python -m espnet_atat.bin.pipeline understand --model_dir CRF --data_dir data/mini/music_test --whisper tiny.en \
    --output_dir OUT

The trees that it writes are flat: intent and slots.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.arguments import add_options
from espnet_atat.baselines.config import CONFIGS
from espnet_atat.baselines.pipeline import load_pipeline, train_pipeline, understand
from espnet_atat.bin import new_parser, options_of, start
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import limit_threads
from espnet_atat.graph.work import making


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("pipeline", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a tagger on transcripts and trees")
    taggers = train.add_subparsers(dest="tagger", required=True)
    for name, config in CONFIGS.items():
        tagger = taggers.add_parser(name, help=(config.__doc__ or "").strip())
        tagger.add_argument("--data_dirs", nargs="+", required=True, metavar="DIR", help="data dirs with targets")
        tagger.add_argument("--output_dir", required=True, type=Path, metavar="DIR", help="the trained tagger")
        add_options(tagger, config)
    about = "text to pretrain the LSTM on; no trees"
    tagger.add_argument("--pretrain_dirs", nargs="+", default=[], metavar="DIR", help=about)

    tag = commands.add_parser("understand", help="write the trees of a set")
    tag.add_argument("--model_dir", required=True, type=Path, metavar="DIR", help="a trained tagger")
    tag.add_argument("--data_dir", required=True, type=Path, metavar="DIR", help="the set to understand")
    tag.add_argument("--output_dir", required=True, type=Path, metavar="DIR", help="folder for hyp and transcripts")
    first = tag.add_mutually_exclusive_group(required=True)
    first.add_argument("--transcripts", type=Path, metavar="FILE", help="words of any recogniser: utterance id, words")
    first.add_argument("--whisper", metavar="MODEL", help="tiny.en, or another size by name or folder")
    first.add_argument("--oracle", action="store_true", help="the set's own text")
    tag.add_argument("--language", help="language of the speech, for --whisper (default: en)")
    tag.add_argument("--threads", type=int, help="threads of --whisper (default: 1)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    started = time.monotonic()
    (_train if args.command == "train" else _understand)(args)
    print(f"in {time.monotonic() - started:.1f} s")


def _train(args: argparse.Namespace) -> None:
    config = options_of(CONFIGS[args.tagger], args)
    utterances = train_pipeline(args.data_dirs, args.output_dir, config, getattr(args, "pretrain_dirs", ()))
    print(f"wrote {args.output_dir}: {args.tagger}, trained on {utterances} utterances")


def _understand(args: argparse.Namespace) -> None:
    for name in ("language", "threads"):
        if getattr(args, name) is not None and args.whisper is None:
            raise UserError(f"--{name} goes with --whisper")
    with making(args.output_dir):
        model = load_pipeline(args.model_dir)  # before the minutes that a recogniser may take
        transcripts = _first_stage(args)
        trees = understand(model, transcripts)
        write_two_column(args.output_dir / "transcripts", transcripts)
        write_two_column(args.output_dir / "hyp", trees)
    print(f"wrote {args.output_dir}/transcripts and {args.output_dir}/hyp: {len(trees)} utterances")


def _first_stage(args: argparse.Namespace) -> dict[str, str]:
    if args.oracle:
        return read_two_column(args.data_dir / "text")
    from espnet_atat.baselines.first_stage import Whisper, read_transcripts, whisper_transcripts

    if args.transcripts is not None:
        return read_transcripts(args.transcripts, args.data_dir)
    if args.threads is not None and args.threads < 1:
        raise UserError(f"--threads is at least 1, found {args.threads}")
    return whisper_transcripts(args.data_dir, Whisper(args.whisper, args.language or "en", args.threads or 1))


if __name__ == "__main__":
    start(main)
