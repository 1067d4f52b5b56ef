"""Fetch a public corpus: download an archive once, check it, unpack it safely.

``fetch --url URL --output_dir D --checksum sha256:…`` leaves the archive's content in D. Where the owner publishes no
checksum of the archive, ``--file_checksums FILE`` names those of the files in it, one ``<sha256>  <path>`` a line.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.atomic import atomic_dir
from espnet_atat.bin import main_guard
from espnet_atat.corpora.archive import extract, fetch, verify
from espnet_atat.errors import UserError


def get_parser() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(prog="fetch", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--output_dir", required=True, type=Path, metavar="D")
    parser.add_argument("--archive", help="name to keep the archive under, beside D (default: the URL's last part)")
    parser.add_argument("--checksum", help="of the archive: md5:… or sha256:…")
    parser.add_argument("--file_checksums", type=Path, metavar="FILE", help="of files in the archive")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch, check, unpack.

    Raises:
        UserError: no network, another file than expected, or an archive that would write outside D.
    """
    args = get_parser().parse_args(argv)
    if not args.checksum and args.file_checksums is None:
        raise UserError("give --checksum or --file_checksums; nothing is unpacked unchecked")
    if args.output_dir.is_dir():
        print(f"{args.output_dir}: there already; delete it to fetch it again")
        return
    archive = args.output_dir.parent / (args.archive or args.url.rstrip("/").rpartition("/")[2])
    print(f"fetching {args.url} to {archive}")
    fetch(args.url, archive, args.checksum)
    with atomic_dir(args.output_dir) as folder:
        count = extract(archive, folder)
        if args.file_checksums is not None:
            check_files(folder, args.file_checksums)
    print(
        f"{args.output_dir}: {count} files; {archive} may be deleted ({shutil.disk_usage(archive).free >> 30} GB free)"
    )


def check_files(folder: Path, listing: Path) -> None:
    """Compare unpacked files with a listing in the format of sha256sum.

    Raises:
        UserError: a file is missing or another one.
    """
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        expected, _, name = line.partition("  ")
        if not name:
            raise UserError(f"{listing}:{number}: expected '<sha256>  <path>'")
        if not (folder / name).is_file():
            raise UserError(f"the archive has no {name}, which {listing}:{number} names")
        verify(folder / name, f"sha256:{expected}")


if __name__ == "__main__":
    sys.exit(main_guard(main))
