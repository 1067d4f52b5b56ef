"""The fields of a dataclass as options of a command."""

import argparse
from collections.abc import Container
from dataclasses import field, fields
from typing import Any

from espnet_atat.errors import UserError


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
