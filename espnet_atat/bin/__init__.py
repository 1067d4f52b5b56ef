"""One module per command: ``python -m espnet_atat.bin.<name>``; this one has what several commands share."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn

from espnet_atat.arguments import Parser
from espnet_atat.config.selection import set_list
from espnet_atat.errors import UserError

if TYPE_CHECKING:
    from espnet_atat.graph.node import Node


def main_guard(main: Callable[[Sequence[str] | None], None], argv: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user becomes one line on stderr and exit code 2, an interrupt 130."""
    if driver := os.environ.get("ATAT_ENDS_WITH_PARENT"):  # of graph.launch.call, whose script ends no commands
        from espnet_atat.graph.pool import die_with_parent

        die_with_parent()
        try:
            os.kill(int(driver), 0)
        except ProcessLookupError:  # the call was killed while this command was imported
            return 1
    try:
        main(argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"error: out of memory ({error or 'none is left'}): a file or a number is too large", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def start(main: Callable[[Sequence[str] | None], None]) -> NoReturn:
    sys.exit(main_guard(main))


def to_bool(text: str) -> bool:
    """``true`` or ``false``, as ESPnet's options take them."""
    if text.lower() in ("true", "yes", "1"):
        return True
    if text.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The description as it is written; adds its default to the help of every option that does not mention it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        told = action.nargs == 0 or action.default in (None, "", []) or "default" in (action.help or "")
        return action.help if told else super()._get_help_string(action)


def new_parser(command: str, description: str | None) -> argparse.ArgumentParser:
    return Parser(f"python -m espnet_atat.bin.{command}", None, description, formatter_class=Help)


def add_aligner(group: argparse._ArgumentGroup) -> None:
    """Add the options of the aligner; one that is not given is None."""
    add = group.add_argument
    add("--aligner", choices=("sphinx", "gentle"), help="gentle is the paper's (default: sphinx)")
    about = "running servers of Gentle, which share the work (default: http://localhost:8765)"
    add("--gentle_url", type=set_list, metavar="URL,…", help=about)
    about = "for an utterance, a second attempt included (default: 60, and 6 for each second of audio)"
    add("--gentle_timeout", type=float, metavar="SECONDS", help=about)
    add("--gentle_retries", type=int, metavar="N", help="further attempts after a fault of a server (default: 4)")


def given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Those of the options that are not None."""
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def options_of[Config](kind: type[Config], args: argparse.Namespace, others: Mapping[str, Any] | None = None) -> Config:
    """A configuration from the arguments with the names of its fields.

    Every field has an argument, unless ``others`` are given: then a field without one has its default.
    """
    names = [field.name for field in fields(kind) if others is None or field.name in args]  # type: ignore[arg-type]
    return kind(**{**{name: getattr(args, name) for name in names}, **(others or {})})


def add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="make it again even if it is done already")


def make(node: "Node", *, force: bool) -> None:
    """Make a set, or a file about one, as its stage does, and print what came of it.

    Without ``force``, what was made from the same input is kept.
    """
    output = node.place
    if told := node.already(force=force):
        print(f"{output}: {told}; --force makes it again")
        return
    node.build()
    facts = node.facts
    speech = facts["seconds_of_speech"]
    speed = f", {speech / 60 / max(facts['seconds'], 1e-3):.2f} hours of speech per minute" if speech else ""
    print("\n".join(facts["summary"]))
    print(f"wrote {output} in {facts['seconds']:.1f} s{speed}")
