"""Turn a corpus as its owner distributes it into data dirs: ``prepare CORPUS SOURCE DATA_DIR``.

One data dir a split is written below DATA_DIR. What was read, kept and dropped, and why, is printed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError

CORPORA = ("mini", "librispeech", "an4", "fsc", "snips", "top", "custom")


def get_parser(corpora: Sequence[str] = CORPORA) -> argparse.ArgumentParser:
    """The parser, with one sub-command for each of ``corpora``; a corpus's module is imported only for its own."""
    parser = argparse.ArgumentParser(prog="prepare", description=__doc__)
    commands = parser.add_subparsers(dest="corpus", required=True, metavar="{" + ",".join(CORPORA) + "}")
    for name in corpora:
        module = import_module(f"espnet_atat.corpora.{name}")
        summary = (module.__doc__ or name).strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        command.add_argument("source", type=Path, metavar="SOURCE", help="the corpus's folder (custom: or a table)")
        command.add_argument("data_dir", type=Path, metavar="DATA_DIR", help="data dirs are written below it")
        module.add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Parse arguments, prepare one corpus, print the report."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = [name for name in CORPORA if arguments[:1] == [name]]
    options = vars(get_parser(named or CORPORA).parse_args(arguments))
    corpus, source, data_dir = options.pop("corpus"), options.pop("source"), options.pop("data_dir")
    if not source.exists():
        raise UserError(f"{source}: no such file or folder; SOURCE is where the corpus lies")
    start = time.monotonic()
    report = import_module(f"espnet_atat.corpora.{corpus}").prepare(source, data_dir, **options)
    print(report)
    print(f"{corpus}: done in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(main_guard(main))
