"""The YAML that is read here: plain values, each written out.

What comes with a model is read by :func:`parse_plain`, which also refuses what could fill memory or take forever.
"""

import unicodedata
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.bounded import read_small
from espnet_atat.errors import UserError, first_line

#: Of a file: bytes, nodes, and mappings or lists inside each other. A list of 50,000 tokens has 1 MB and as many nodes.
MAX_BYTES = 4 * 2**20
MAX_NODES = 100_000
MAX_DEPTH = 30

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Opens = yaml.CollectionStartEvent


class PlainLoader(_Base):
    """Builds plain values only, and refuses a key that a mapping has twice: YAML's own rule, which PyYAML forgets."""

    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        value: str = super().construct_scalar(node)
        if "\0" in value:
            raise yaml.constructor.ConstructorError(None, None, "a text has the character NUL", node.start_mark)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and seen.setdefault(key.value, key) is not key:
                problem = f"the key {key.value!r} occurs twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def parse_plain(text: bytes, where: str) -> dict[str, Any]:
    """Read a mapping from a file that may come from anyone, in little time and memory.

    Raises:
        UserError: it is no UTF-8 or no YAML, is too large or too deep, or has aliases, tags or control characters, with
            which a terminal or a reader could be fooled.
    """
    if len(text) > MAX_BYTES:
        raise UserError(f"{where}: refused: {len(text)} bytes, more than the {MAX_BYTES} of any configuration")
    try:
        decoded = text.decode()
        _check_events(decoded)
        content = yaml.load(decoded, PlainLoader)
    except UserError as error:
        raise UserError(f"{where}: refused: {error}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # ValueError: of a date, say
        problem = first_line(ValueError(" ".join(str(error).split())))[:200]
        raise UserError(f"{where}: refused: not plain YAML data ({problem})") from error
    if not isinstance(content, dict):
        raise UserError(f"{where}: holds no mapping")
    return content


def load_plain(path: Path, where: str | None = None) -> dict[str, Any]:
    """Read such a file; a pipe or a device is refused."""
    return parse_plain(read_small(path, MAX_BYTES, where or str(path)), where or str(path))


def _check_events(text: str) -> None:
    """Refuse what a loader would have to build first; events come one by one."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Base)):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"line {line}: the alias *{event.anchor!r}: write out what it names")
        if number > MAX_NODES:
            raise UserError(f"line {line}: more than {MAX_NODES} values")
        if isinstance(event, yaml.ScalarEvent | _Opens) and event.tag is not None:
            raise UserError(f"line {line}: the tag {event.tag!r}: not plain YAML data")
        if isinstance(event, yaml.ScalarEvent) and any(_steers(c) for c in event.value if not c.isprintable()):
            raise UserError(f"line {line}: a control character in {event.value[:60]!r}")
        if isinstance(event, _Opens):
            depth += 1
            if depth > MAX_DEPTH:
                raise UserError(f"line {line}: mappings and lists are {depth} deep, at most {MAX_DEPTH} are read")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _steers(character: str) -> bool:
    """Control characters, line ends but for a text's own, and marks that turn the direction of what follows."""
    category = unicodedata.category(character)
    turns = unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return turns or category in ("Zl", "Zp") or (category == "Cc" and character not in "\n\t")
