"""Check data dirs: ``validate DATA_DIR [--fix]``.

DATA_DIR is one data dir, or a folder of them. Every problem is printed with file and line, up to --limit, then their
number. With --fix, files are rewritten sorted and bad utterances dropped by name; a test set is never shrunk.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.validation import LIMIT, fix, validate
from espnet_atat.datadir import is_test_set
from espnet_atat.errors import UserError


def get_parser() -> argparse.ArgumentParser:
    """The parser."""
    rules = AudioRules()
    parser = argparse.ArgumentParser(prog="validate", description=__doc__)
    add = parser.add_argument
    add("data_dir", type=Path, metavar="DATA_DIR")
    add("--fix", action="store_true", help="rewrite sorted, and drop bad utterances of training and dev sets")
    add("--limit", type=int, default=LIMIT, help="problems printed a data dir; 0 for all (default: %(default)s)")
    add("--audio", choices=("full", "header", "none"), default="full", help="how audio is read (default: %(default)s)")
    add("--sample_rate", type=int, default=rules.sample_rate, help="Hz (default: %(default)s)")
    add("--min_duration", type=float, default=rules.min_duration, help="seconds (default: %(default)s)")
    add("--max_duration", type=float, default=rules.max_duration, help="seconds (default: %(default)s)")
    add("--allow_pipes", action="store_true", help="run wav.scp entries that are shell pipes, rather than refuse them")
    add("--test_set", choices=("auto", "yes", "no"), default="auto", help="auto: the folder's name says 'test'")
    add("--nj", type=int, default=min(4, os.cpu_count() or 1), help="threads that decode audio (default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Check (and with --fix mend) each data dir; print the problems.

    Raises:
        UserError: there are problems that were not mended.
    """
    args = get_parser().parse_args(argv)
    rules = AudioRules(
        sample_rate=args.sample_rate,
        allow_pipes=args.allow_pipes,
        min_duration=args.min_duration,
        max_duration=args.max_duration,
    )
    left = 0
    folders = find_data_dirs(args.data_dir)
    for folder in folders:
        checked = validate(folder, rules, audio=args.audio, nj=args.nj)
        print("\n".join(checked.lines(args.limit)))
        if checked.problems and args.fix:
            is_test = is_test_set(folder.resolve().name) if args.test_set == "auto" else args.test_set == "yes"
            dropped = fix(checked, is_test=is_test)
            for key, why in dropped.items():
                print(f"{folder}: dropped {key}: {why}")
            checked = validate(folder, rules, audio="none")
            print(f"{folder}: mended; {len(dropped)} utterances dropped, {len(checked.columns['text'].values)} kept")
            print("\n".join(checked.lines(args.limit)))
        left += len(checked.problems)
    if left:
        raise UserError(f"{args.data_dir}: {left} problems; --fix drops bad utterances and sorts the files")


def find_data_dirs(path: Path) -> list[Path]:
    """The folder itself, or the data dirs right below it.

    Raises:
        UserError: there are none.
    """
    found = [path] if (path / "text").is_file() else sorted(file.parent for file in path.glob("[!.]*/text"))
    if not found:
        raise UserError(f"{path} is neither a data dir nor a folder of data dirs: no file 'text'")
    return found


if __name__ == "__main__":
    sys.exit(main_guard(main))
