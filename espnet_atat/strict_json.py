"""The one reader of JSON that others may have written.

What Python's own reader accepts silently, or answers with a traceback, is an error here that names the file.

Stamps and journals, which ``graph`` writes for itself, are not read with it.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from espnet_atat.bounded import read_whole
from espnet_atat.errors import UserError

#: Digits of an integer: whatever has more is no finite ``float`` either.
MOST_DIGITS = 300
#: Lists and objects inside each other.
DEEPEST = 100


def read_json(path: str | Path) -> Any:
    """The value of a file; see :func:`parse_json`."""
    return parse_json(read_whole(path), str(path))


def parse_json(text: str | bytes, where: str) -> Any:
    """The value of a JSON text, which ``where`` names in messages; a byte-order mark may begin it.

    Raises:
        UserError: it is not UTF-8 or not JSON; an object has a key twice; a number is not finite, or a whole one has
            more than 300 digits; it is nested deeper than 100; or a string has half a character (a lone surrogate).
    """
    try:
        # A text with lone surrogates comes from a command line that is not UTF-8.
        decoded = text.encode("utf-8").decode() if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeError as error:
        raise UserError(f"{where}: not JSON: it is not UTF-8 ({error.reason})") from error  # type: ignore[attr-defined]
    try:
        value = json.loads(
            decoded, object_pairs_hook=_object, parse_constant=_no_number, parse_int=_whole, parse_float=_finite
        )
        _check(value, escapes="\\u" in decoded)
    except json.JSONDecodeError as error:
        line = f":{error.lineno}" if "\n" in decoded.strip() else ""
        raise UserError(f"{where}{line}: not JSON at column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise UserError(f"{where}: lists and objects inside each other, deeper than {DEEPEST}") from error
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise UserError(f"an object has the key {next(name for name in names if names.count(name) > 1)!r} twice")
    return made


def _no_number(name: str) -> NoReturn:
    raise UserError(f"{name} is not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise UserError(f"a number of {len(digits)} digits; at most {MOST_DIGITS}")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UserError(f"{text[:20]} is too large for a number")
    return value


def _check(value: Any, *, escapes: bool) -> None:
    """Refuse what is nested too deep and, where the text has ``escapes``, half characters."""
    level = [value]
    for _ in range(DEEPEST):
        within = [part for each in level for part in _parts(each)]
        if escapes:
            for part in (value, *within):
                if isinstance(part, str) and any("\ud800" <= character <= "\udfff" for character in part):
                    raise UserError(f"{part[:40]!a} has half a character, a lone surrogate")
        level = [part for part in within if isinstance(part, dict | list)]
        if not level:
            return
    raise RecursionError


def _parts(value: Any) -> Iterator[Any]:
    """What is directly inside a list or an object, its keys too."""
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value
