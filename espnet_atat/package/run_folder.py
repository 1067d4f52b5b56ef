"""A training run's folder, as stages 10 and 11 write it, and the paths in its configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from espnet_atat.atomic import atomic_write
from espnet_atat.errors import UserError
from espnet_atat.graph.work import read_stamp
from espnet_atat.plain_yaml import load_plain

CONFIG = "config.yaml"


class RunFolder(NamedTuple):
    train_config: Path
    model_file: Path
    text_tokenizer: Path | str | None


def read_config(path: Path) -> dict[str, Any]:
    """The options that a training run or ESPnet's LM task saved."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; a training run's {CONFIG} is needed")
    return load_plain(path)


def dump_config(config: Mapping[str, Any], path: Path) -> Path:
    with atomic_write(path) as handle:
        yaml.safe_dump(dict(config), handle, sort_keys=False, allow_unicode=True)
    return path


def find_run(folder: Path) -> RunFolder:
    """The configuration, the model that stage 12 would decode with, and the tokenizer of a run."""
    config = folder / CONFIG
    if not config.is_file():
        raise UserError(f"{folder}: neither a package (meta.yaml) nor a training run ({CONFIG})")
    saved = read_config(config)
    tokenizer = saved.get("text_tokenizer")
    found = recorded_path(tokenizer, folder, saved) if tokenizer else None
    return RunFolder(config, _model_of(folder), found or tokenizer)


def recorded_path(recorded: str, run: Path, saved: Mapping[str, Any]) -> Path | None:
    """Where a path of a run's configuration (``saved``) lies, from wherever the run's folder is seen now.

    Such paths are from the folder that training was called in; ``output_dir`` says where the run lay then.
    """
    path = Path(recorded)
    if path.exists() or path.is_absolute():
        return path if path.exists() else None
    output = Path(saved.get("output_dir") or "")
    here = run.resolve()
    if output.parts and not output.is_absolute() and here.parts[-len(output.parts) :] == output.parts:
        root = here.parents[len(output.parts) - 1]
        return root / path if (root / path).exists() else None
    return None


def _model_of(folder: Path) -> Path:
    model = folder / read_stamp(folder).get("model", "")
    if model.is_file():
        return model
    averaged = sorted(folder.glob("valid.*.ave.pth"))  # ESPnet's averaged models
    if len(averaged) != 1:
        there = ", ".join(path.name for path in sorted(folder.glob("*.pth"))) or "none"
        raise UserError(f"{folder}: which model is meant? give train_config and model_file; there are: {there}")
    return averaged[0]
