"""List a raw corpus's files with sizes and dates: ``list_corpus SOURCE``. Stage 1 is redone when the list changes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.corpora.listing import listing


def get_parser() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(prog="list_corpus", description=__doc__)
    parser.add_argument("source", metavar="SOURCE", help="the corpus's folder, or a table of one's own; may be absent")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the list."""
    source = get_parser().parse_args(argv).source
    sys.stdout.writelines(f"{line}\n" for line in (listing(Path(source)) if source else ["absent"]))


if __name__ == "__main__":
    sys.exit(main_guard(main))
