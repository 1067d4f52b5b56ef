"""Check data dirs: ``validate DATA_DIR [--fix]``.

DATA_DIR is one data dir, or a folder of them. Every problem is printed with file and line, up to --limit, then their
number. With --fix, files are rewritten sorted and bad utterances dropped by name; a test set is never shrunk.
"""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from espnet_atat.arguments import Parser, add_options
from espnet_atat.bin import start
from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.validation import LIMIT, fix, validate
from espnet_atat.datadir import find_data_dirs, is_test_set
from espnet_atat.errors import UserError
from espnet_atat.graph.work import making

RULES = ("sample_rate", "min_duration", "max_duration", "allow_pipes", "nj")


def get_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="validate", description=__doc__)
    add = parser.add_argument
    add("data_dir", type=Path, metavar="DATA_DIR")
    add("--fix", action="store_true", help="rewrite sorted, and drop bad utterances of training and dev sets")
    add("--limit", type=int, default=LIMIT, help="problems printed per data dir; 0 for all (default: %(default)s)")
    add("--audio", choices=("full", "header", "none"), default="full", help="how audio is read (default: %(default)s)")
    add("--test_set", choices=("auto", "yes", "no"), default="auto", help="auto: the folder's name says 'test'")
    add_options(parser, AudioRules, RULES)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    if args.test_set != "auto" and not args.fix:
        raise UserError("--test_set says what --fix may drop: give --fix too")
    rules, left = AudioRules(**{name: getattr(args, name) for name in RULES}), 0
    for folder in find_data_dirs(args.data_dir):
        with making(folder) if args.fix else nullcontext():
            left += _check(folder, rules, args)
    if left:
        raise UserError(f"{args.data_dir}: {left} problems; --fix drops bad utterances and sorts the files")


def _check(folder: Path, rules: AudioRules, args: argparse.Namespace) -> int:
    """Print a data dir's problems, and fix it if asked to; gives the number of those that are left."""
    checked = validate(folder, rules, audio=args.audio)
    print("\n".join(checked.lines(args.limit)))
    if checked.problems and args.fix:
        is_test = is_test_set(folder.resolve().name) if args.test_set == "auto" else args.test_set == "yes"
        dropped = fix(checked, is_test=is_test)
        for key, why in dropped.items():
            print(f"{folder}: dropped {key}: {why}")
        checked = validate(folder, rules, audio="none")
        print(f"{folder}: fixed; {len(dropped)} utterances dropped, {len(checked.columns['text'].values)} kept")
        print("\n".join(checked.lines(args.limit)))
    return len(checked.problems)


if __name__ == "__main__":
    start(main)
