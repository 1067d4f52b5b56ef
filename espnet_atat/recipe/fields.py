"""What a YAML file says, as arguments of a dataclass: unknown, missing and malformed keys are named with place."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from espnet_atat.errors import UserError


def fields_of(kind: type, content: object, where: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of a YAML file as arguments of a dataclass.

    Raises:
        UserError: an unknown key, or a missing one.
    """
    given = given or {}
    fields = [field for field in dataclasses.fields(kind) if field.name not in given]
    names = [field.name for field in fields]
    if not isinstance(content, Mapping):
        raise UserError(f"{where}: wants the keys {', '.join(names)}, found {content!r}")
    if unknown := sorted(map(str, content.keys() - set(names))):
        raise UserError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(names)}")
    for field in fields:
        wanted = field.default is field.default_factory is dataclasses.MISSING
        if wanted and content.get(field.name) is None:
            raise UserError(f"{where}: the key {field.name!r} is missing")
        value = content.get(field.name)
        if field.type in (str, str | None) and value is not None and not isinstance(value, str):
            raise UserError(f"{where}: {field.name} is a name or a text, found {value!r}")
    return {**given, **content}


def list_of(value: object, where: str) -> list[Any]:
    """The value, which is a list.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, list):
        raise UserError(f"{where}: is a list, found {value!r}")
    return value
