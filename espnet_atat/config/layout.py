"""Where things lie, from the repository's root, and how YAML files are read."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.bounded import read_whole
from espnet_atat.errors import UserError
from espnet_atat.plain_yaml import PlainLoader

EGS = Path("egs2/atat")
CONF = Path("conf")
DATA = Path("data")
DUMP = Path("dump")
EXP = Path("exp")
#: What a row, a table or a configuration starts from.
BASE = "base"
#: Ends of the names of sets that stages 2 and 5 make of others.
AUGMENTED, MASKED = "_aug", "_mlm"
DERIVED = (AUGMENTED, MASKED)
#: In the names of sets, of mixtures too: the fold; the engine whose synthetic speech the row takes.
FOLD, TTS = "{fold}", "{tts}"


class _Loader(PlainLoader):
    """``1e-3`` is a number, as in YAML 1.2; in 1.1, which PyYAML reads, it is a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), [*"-+.0123456789"]
)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; its values are shared with later calls, and not to be changed."""
    try:
        content = parse_yaml(read_whole(path).decode("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # not UTF-8; digits without end; brackets without end
        said = " ".join(str(error).split()).replace('in "<unicode string>", line', "at line")
        raise UserError(f"{path}: not YAML: {said}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UserError(f"{path}: holds no mapping of options")
    return dict(content)


def load_config(path: Path) -> dict[str, Any]:
    """Read a configuration of ``conf/``: the options of its ``base``, another such file, with its own in place of them.

    Mappings are merged key by key; ``without`` lists options of the base that are not taken.
    """
    content = load_yaml(path)
    base, without = content.pop(BASE, None), content.pop("without", ())
    if base is None and not without:
        return content
    if not isinstance(base, str) or not Path(base).is_file():
        raise UserError(f"{path}: base is a file, such as conf/pretrain_small.yaml, found {base!r}")
    options = load_yaml(Path(base))
    if BASE in options:
        raise UserError(f"{path}: base: {base} has a base itself: name that one, and say here what differs")
    if not isinstance(without, list) or not set(without) <= options.keys():
        raise UserError(f"{path}: without lists options of {base}, found {without!r}")
    return dict(merged({name: value for name, value in options.items() if name not in without}, content))


def merged(old: Any, new: Any) -> Any:
    """Mappings key by key; anything else, and an empty mapping, in place of the old."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping) and new):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


@lru_cache(maxsize=256)
def parse_yaml(text: str) -> Any:
    """The value of a YAML text; not to be changed."""
    return yaml.load(text, _Loader)


def has_audio(name: str) -> bool:
    """Whether the dumped set ``recipe/name`` has features or audio."""
    return any((DUMP / name / file).is_file() for file in ("feats.scp", "wav.scp"))


def filled(value: Any, place: str, text: str) -> Any:
    """The value with a place such as ``{fold}`` filled in, at any depth of mappings, sequences and dataclasses."""
    if isinstance(value, str):
        return value.replace(place, text)
    if isinstance(value, Mapping):
        return {key: filled(each, place, text) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(each, place, text) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: filled(getattr(value, each.name), place, text) for each in fields(value)})
    return value


def short(name: str) -> str:
    """A file's name without the recipe that may precede it."""
    return name.rpartition("/")[2]


def conf_file(recipe: str, name: str) -> Path:
    """``egs2/atat/<recipe>/conf/<name>.yaml``, else ``conf/<name>.yaml``; ``mini/pretrain`` is that of mini."""
    owner, _, stem = name.rpartition("/")
    folders = [EGS / (owner or recipe) / "conf", CONF]
    for path in (folder / f"{stem}.yaml" for folder in folders):
        if path.is_file():
            return path
    known = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    places = " nor in ".join(map(str, folders))
    raise UserError(f"no {stem}.yaml in {places}; there are: {', '.join(known) or 'none'}")
