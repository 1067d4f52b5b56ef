"""One module a command: ``python -m espnet_atat.bin.<name>``. Here is what several commands share."""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_atat.errors import UserError

if TYPE_CHECKING:
    from espnet_atat.speech.report import Report


def main_guard(main: Callable[[Sequence[str] | None], None], argv: Sequence[str] | None = None) -> int:
    """Run a command; turn a mistake of the user into one line on stderr.

    Returns:
        The exit code: 0, 2 for a mistake that the message tells how to mend, 130 for an interrupt.
    """
    if "ATAT_ENDS_WITH_PARENT" in os.environ:  # set by graph.launch.call, whose script would not end its commands
        from espnet_atat.graph.pool import die_with_parent

        die_with_parent()
    try:
        main(argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def to_bool(text: str) -> bool:
    """``true`` or ``false``, as ESPnet's options take them."""
    if text.lower() in ("true", "yes", "1"):
        return True
    if text.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def new_parser(command: str, description: str) -> argparse.ArgumentParser:
    """A parser whose help gives every default."""
    return argparse.ArgumentParser(
        prog=f"python -m espnet_atat.bin.{command}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )


def options_of[Config](kind: type[Config], args: argparse.Namespace) -> Config:
    """A configuration from the arguments that are called as its fields are."""
    return kind(**{field.name: getattr(args, field.name) for field in fields(kind)})  # type: ignore[arg-type]


def make(
    output: Path,
    options: object,
    work_on: "Callable[[Path], Report]",
    *,
    inputs: Sequence[Path],
    file: bool = False,
    force: bool = True,
) -> None:
    """Make a data dir, or a file, and print what came of it.

    Args:
        options: what the result depends on besides the content of ``inputs``.
        work_on: writes to the folder that it is given.
        force: make again what is there and was made from the same.
    """
    from espnet_atat.graph.work import is_made, working

    started = time.monotonic()
    made_from = [options, [_content(path) for path in inputs]]
    if not force and is_made(output, made_from):
        print(f"{output}: made already; --force makes it again")
        return
    with working(output, made_from, file=file, inputs=inputs) as work:
        report = work_on(work)
    elapsed = time.monotonic() - started
    speed = f", {report.seconds / 60 / elapsed:.2f} hours of speech a minute" if report.seconds else ""
    print("\n".join(report.lines(output.name)))
    print(f"wrote {output} in {elapsed:.1f} s{speed}")


def _content(path: Path) -> Any:
    """A file's digest; of a data dir, those of its tables and the sizes of its audio."""
    if not path.is_dir():
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    from espnet_atat.datadir import TEXT_FORM, UNREADABLE, read_two_column
    from espnet_atat.graph.pool import file_size

    files = ("text", "target", "wav.scp", "utt2spk", TEXT_FORM, UNREADABLE)
    audio = read_two_column(path / "wav.scp") if (path / "wav.scp").is_file() else {}
    tables = {name: _content(path / name) for name in files if (path / name).is_file()}
    return [tables, [file_size(each) for each in audio.values()]]
