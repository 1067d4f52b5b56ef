"""Where things lie, from the repository's root, and how a recipe's files are found by name."""

from pathlib import Path
from typing import Any

import yaml

from espnet_atat.errors import UserError

EGS = Path("egs2/atat")
CONF = Path("conf")
DATA = Path("data")
DUMP = Path("dump")
EXP = Path("exp")
RUNS = EXP / "runs"


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        UserError: not YAML, or not a mapping of names.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UserError(f"{path}: holds no mapping of options")
    return content


def has_audio(name: str) -> bool:
    """Whether the dumped set ``recipe/name`` has features or audio."""
    return any((DUMP / name / file).is_file() for file in ("feats.scp", "wav.scp"))


def find_file(recipe: str, kind: str, name: str, shared: Path | None = None) -> Path:
    """The YAML file ``name`` of a recipe's folder ``kind``, else of the folder shared by all recipes.

    ``mini/pretrain`` is the file ``pretrain`` as the recipe ``mini`` has it.

    Raises:
        UserError: it is in neither; lists what is there.
    """
    owner, _, stem = name.rpartition("/")
    folders = [EGS / (owner or recipe) / kind, *([shared] if shared is not None else [])]
    for folder in folders:
        path = folder / f"{stem}.yaml"
        if path.is_file():
            return path
    known = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    places = " nor in ".join(map(str, folders))
    raise UserError(f"no {stem}.yaml in {places}; there are: {', '.join(known) or 'none'}")


def short(name: str) -> str:
    """A file's name without the recipe that it may be of."""
    return name.rpartition("/")[2]


def conf_file(recipe: str, name: str) -> Path:
    """``egs2/atat/<recipe>/conf/<name>.yaml``, else ``conf/<name>.yaml``."""
    return find_file(recipe, "conf", name, CONF)


def mixture_file(recipe: str, name: str) -> Path:
    """A mixture's file."""
    return find_file(recipe, "conf/mixtures", name, CONF / "mixtures")


def system_file(recipe: str, name: str) -> Path:
    """A system's file."""
    return find_file(recipe, "systems", name)


def table_file(recipe: str, name: str) -> Path:
    """A table's file; ``3`` means ``table3``."""
    return find_file(recipe, "tables", f"table{name}" if name.isdigit() else name)
