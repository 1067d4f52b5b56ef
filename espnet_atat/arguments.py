"""Options of commands, and those that are the fields of a dataclass."""

import argparse
from collections.abc import Container
from dataclasses import field, fields
from typing import Any, NoReturn

from espnet_atat.errors import UserError


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the options; a help may be long."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def option[T](default: T, help: str, **more: Any) -> T:
    """A field that is an option; ``more``: ``choices``, or ``least`` and ``most`` for ``check_ranges``."""
    return field(default=default, metadata={"help": help, **more})


def add_options(parser: argparse.ArgumentParser, kind: type, names: Container[str] | None = None) -> None:
    """Give a parser the options of a dataclass, or those named; what is true or false is a flag."""
    for each in fields(kind):
        if "help" not in each.metadata or not (names is None or each.name in names):
            continue
        help = each.metadata["help"]
        if isinstance(each.default, bool):
            parser.add_argument(f"--{each.name}", action="store_true", help=help)
        else:
            parser.add_argument(
                f"--{each.name}",
                type=type(each.default),
                default=each.default,
                choices=each.metadata.get("choices"),
                help=f"{help} (default: %(default)s)",
            )


def check_ranges(options: Any) -> None:
    """Compare the values of a dataclass with ``least`` and ``most`` of its fields.

    Raises:
        UserError: the first value out of its range.
    """
    for each in fields(options):
        value, least, most = (getattr(options, each.name), *map(each.metadata.get, ("least", "most")))
        if (least is not None and not value >= least) or (most is not None and not value <= most):
            wanted = f"at least {least}" if most is None else f"from {least} to {most}"
            raise UserError(f"--{each.name} is {wanted}, found {value}")
