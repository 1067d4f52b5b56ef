"""YAML content to dataclasses, by their type hints. The first mistake is one error that says where it is.

OmegaConf's structured configurations were tried first: they support no union of a text and a mapping (``baseline``,
``mixture``, ``tokens``), no ``Literal``, and their errors name neither file nor row.
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from espnet_atat.errors import UserError, naming

_NAMES = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "null"}
#: Characters of a value, and known names, that a message shows.
_SHOWN = 80
_LISTED = 40


class Within(NamedTuple):
    """A number's range, ends included: ``Annotated[int, Within(1, 9)]``."""

    low: float
    high: float


def read[T](kind: type[T], content: object, where: str, **given: Any) -> T:
    """An object of a dataclass.

    A class may have a static method ``expand(content)`` that spells a shorthand out, and may refuse what its
    fields say together by a ``UserError`` of its ``__post_init__``; one inside another may read itself, by a class
    method ``from_config(content, where)``. A key that is null is as good as left out. A field ``from_`` is the key
    ``from``.

    Args:
        where: what a message begins with: file, row, key.
        given: fields that the file does not say.

    Raises:
        UserError: an unknown key, a missing one, or a value of another type.
    """
    if expand := getattr(kind, "expand", None):
        content = expand(content)
    fields = {
        field.name.rstrip("_"): field
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.name not in given
    }
    if not isinstance(content, Mapping):
        raise UserError(f"{where}: needs the keys {', '.join(fields)}, found {_shown(content)}")
    check_known(content, fields, where, "key")
    hints = get_type_hints(kind, include_extras=True)
    values = dict(given)
    for key, field in fields.items():
        if content.get(key) is not None:
            values[field.name] = check_value(hints[field.name], content[key], f"{where}: {key}")
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise UserError(f"{where}: the key {key!r} is missing")
    with naming(where):
        return kind(**values)


def check(hints: Mapping[str, Any], content: Mapping[str, Any], where: str) -> None:
    """Check a mapping that stays one. Such ``hints`` may be a type hint themselves; a null key is as good as left out.

    Raises:
        UserError: a key that is not among the hints', or a value of another type.
    """
    given = {key: value for key, value in content.items() if value is not None}
    check_known(given, hints, where, "key")
    for key, value in given.items():
        check_value(hints[key], value, f"{where}: {key}")


def check_known(names: Iterable[object], known: Iterable[str], where: str, what: str) -> None:
    """Refuse a name that is not among the known ones.

    Raises:
        UserError: the first such name, the nearest known one, and all of them.
    """
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name)[:_SHOWN], known, n=1)
            meant = f", perhaps {near[0]!r}" if near else ""
            listed = f"; known: {', '.join(known) or 'none'}" if len(known) <= _LISTED else ""
            raise UserError(f"{where}: unknown {what} {_shown(name)}{meant}{listed}")


def check_value(hint: Any, value: Any, where: str) -> Any:
    """A value as its type hint has it: a dataclass is made of a mapping. Raises UserError, which names ``where``."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    member = next((member for member in members if _is_shaped(member, value)), None)
    if member is None:
        wanted = " or ".join(_described(member) for member in members if member is not NoneType)
        raise UserError(f"{where}: is {wanted}, found {'null' if value is None else _shown(value)}")
    if isinstance(member, Mapping):
        check(member, value, where)
        return value
    if hasattr(member, "from_config"):
        return member.from_config(value, where)
    if dataclasses.is_dataclass(member):
        return read(member, value, where)  # type: ignore[arg-type]
    if get_origin(member) is tuple:
        element = get_args(member)[0]
        return tuple(check_value(element, each, f"{where}, entry {number}") for number, each in enumerate(value, 1))
    if get_origin(member) is Mapping:
        element = get_args(member)[1]
        return {key: check_value(element, each, f"{where}: {key}") for key, each in value.items()}
    return value


def _is_shaped(hint: Any, value: object) -> bool:
    origin = get_origin(hint)
    if hint is Any:
        return True
    if isinstance(hint, Mapping):
        return isinstance(value, Mapping)
    if origin is Annotated:
        kind, (low, high) = get_args(hint)
        return _is_shaped(kind, value) and low <= value <= high
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    if dataclasses.is_dataclass(hint):
        return isinstance(value, Mapping) or hasattr(hint, "expand")
    if origin is Mapping:
        return isinstance(value, Mapping) and (get_args(hint)[0] is Any or all(isinstance(key, str) for key in value))
    if origin is tuple:
        return isinstance(value, list | tuple)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint


def _described(hint: Any) -> str:
    if get_origin(hint) is Literal:
        choices = [json.dumps(each) if each is None or isinstance(each, bool) else str(each) for each in get_args(hint)]
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if get_origin(hint) is Annotated:
        kind, (low, high) = get_args(hint)
        return f"{_NAMES[kind]} from {low:,}" + (f" to {high:,}" if high < math.inf else "")
    if get_origin(hint) is tuple:
        return "a list"
    return "a mapping" if isinstance(hint, Mapping) else _NAMES.get(hint, "a mapping")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
