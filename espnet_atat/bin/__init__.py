"""One module a command: ``python -m espnet_atat.bin.<name>``."""

import argparse
import sys
from collections.abc import Callable, Sequence

from espnet_atat.errors import UserError


def main_guard(main: Callable[[Sequence[str] | None], None], argv: Sequence[str] | None = None) -> int:
    """Run a command; turn a mistake of the user into one line on stderr.

    Returns:
        The exit code: 0, 2 for a mistake that the message tells how to mend, 130 for an interrupt.
    """
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
