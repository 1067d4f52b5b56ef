"""Turn a corpus as its owner distributes it into data dirs: ``prepare CORPUS SOURCE DATA_DIR``; or ``fetch`` it.

One data dir a split is written below DATA_DIR, and checked as ``bin.validate`` does, by the same limits. What was read,
kept and dropped, and why, is printed. DATA_DIR/prepared lists the sets.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from espnet_atat.arguments import Parser, add_options
from espnet_atat.atomic import atomic_write
from espnet_atat.bin import start
from espnet_atat.corpora.archive import fetch_corpus
from espnet_atat.corpora.builder import WRITTEN, BuildOptions, PreparationReport
from espnet_atat.corpora.validation import validate
from espnet_atat.datadir import PREPARED, prepared_sets
from espnet_atat.errors import UserError
from espnet_atat.graph.work import check_own, making

FETCH = "fetch"
SHARED = {field.name for field in fields(BuildOptions)} - {"allow_pipes"}  # only custom reads a wav.scp
CORPORA = (
    *("mini", "librispeech", "an4", "common_voice", "mls", "switchboard"),
    *("fsc", "snips", "slurp", "top", "stop", "broad", "custom"),
)


def get_parser(corpora: Sequence[str] = CORPORA) -> argparse.ArgumentParser:
    """One sub-command for each of ``corpora``; a corpus's module is imported only for its own."""
    parser = Parser(prog="prepare", description=__doc__)
    commands = parser.add_subparsers(dest="corpus", required=True, metavar="{" + ",".join(CORPORA) + "}")
    for name in corpora:
        module = import_module(f"espnet_atat.corpora.{name}")
        summary = (module.__doc__ or name).strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        command.add_argument("source", type=Path, metavar="SOURCE", help="the corpus's folder (custom: or a table)")
        command.add_argument("data_dir", type=Path, metavar="DATA_DIR", help="data dirs are written below it")
        add_options(command, BuildOptions, SHARED)
        about = "how the audio of the sets is checked once they are written (default: %(default)s)"
        command.add_argument("--check", choices=("full", "header", "none"), default="header", help=about)
        command.add_argument(
            "--replace", action="store_true", help="remove sets that the previous run wrote and this one does not"
        )
        module.add_arguments(command)
    command = commands.add_parser(FETCH, help="download a public corpus, check it, and unpack it")
    command.add_argument("--url", required=True)
    command.add_argument("--output_dir", required=True, type=Path, metavar="D", help="folder for the archive's content")
    command.add_argument("--archive", help="name to keep the archive under, beside D (default: the URL's last part)")
    command.add_argument("--checksum", help="of the archive, as md5:… or sha256:…")
    command.add_argument("--file_checksums", type=Path, metavar="FILE", help="of its files: <sha256>  <path> per line")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = [name for name in CORPORA if arguments[:1] == [name]]
    options = vars(get_parser(named if named or arguments[:1] == [FETCH] else CORPORA).parse_args(arguments))
    if options["corpus"] == FETCH:
        del options["corpus"]
        fetch_corpus(options.pop("url"), options.pop("output_dir"), **options)
        return
    corpus, source, data_dir, audio, replace = map(options.pop, ("corpus", "source", "data_dir", "check", "replace"))
    if not source.exists():
        raise UserError(f"{source}: no such file or folder; SOURCE is where the corpus lies")
    began = time.monotonic()
    with making(data_dir):
        last = prepared_sets(data_dir)
        report = import_module(f"espnet_atat.corpora.{corpus}").prepare(source, data_dir, **options)
        print(report)
        check_sets(report, audio)
        record_sets(report, data_dir, last, replace=replace)
    print(f"{corpus}: done in {time.monotonic() - began:.1f} s")


def check_sets(report: PreparationReport, audio: str) -> None:
    """Look at what was written as a stranger to it would; its problems are printed, and an error."""
    checks = [validate(report.data_dir / one.name, report.options, audio=audio) for one in report.sets]
    for checked in checks:
        print("\n".join(checked.lines()))
    if problems := sum(len(checked.problems) for checked in checks):
        raise UserError(f"{report.data_dir}: {problems} problems, named above; fix the corpus at {report.source}")


def record_sets(report: PreparationReport, data_dir: Path, last: Sequence[str], *, replace: bool) -> None:
    """List the sets in ``prepared``; with ``replace``, remove those that the ``last`` call listed and this has not."""
    record = data_dir / PREPARED
    names = [one.name for one in report.sets]
    gone = [name for name in last if name not in names]
    if replace:
        for name in gone:
            check_own(data_dir / name, {".": sorted(WRITTEN)})
        for name in gone:
            shutil.rmtree(data_dir / name, ignore_errors=True)
            print(f"{data_dir / name}: removed, because {report.source} no longer has it")
    with atomic_write(record) as handle:
        handle.writelines(f"{name}\n" for name in sorted({*names, *([] if replace else gone)}))


if __name__ == "__main__":
    start(main)
