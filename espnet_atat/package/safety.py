"""What a package may contain. It may come from anyone, so everything that is not known to be data is refused.

Every function here raises a ``UserError`` that names the file, the member or the key, and what is wrong with it.
Weights are pickles by nature; ``torch.load(weights_only=True)`` reads them, which builds tensors and nothing else.
"""

import stat
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from espnet_atat.errors import UserError, first_line
from espnet_atat.strict_json import parse_json

#: Kinds of file by their suffix; files without one that are known by name.
SUFFIXES = frozenset({".yaml", ".json", ".txt", ".md", ".model", ".pth", ".npz", ".png"})
NAMES = frozenset({"LICENSE", "NOTICE", ".gitattributes"})
#: Bytes of a whole package, unpacked: far above any model of this kind, far below a disk.
MAX_BYTES = 8 * 2**30
#: Bytes of one YAML or JSON file: a large token list takes one.
MAX_TEXT_BYTES = 32 * 2**20

#: The part of a training configuration that says what the model is; the rest says how it was trained.
MODEL_OPTIONS = (
    "token_list", "bpemodel", "grown_words", "text_tokenizer", "input_size", "audio_encoder", "audio_encoder_conf",
    "text_encoder", "text_encoder_conf", "decoder_conf", "ctc_unit", "ctc_characters", "ctc_conf", "model_conf", "init",
    "pretrained_vocabulary_size", "frontend", "frontend_conf", "specaug", "specaug_conf", "normalize",
    "normalize_conf", "version",
)  # fmt: skip
#: The same of ESPnet's language model.
LM_OPTIONS = ("token_list", "token_type", "lm", "lm_conf", "model", "model_conf", "init", "version")
#: Its networks that are built from nothing but their options.
LM_NETWORKS = ("seq_rnn", "transformer")
#: Keys by which a configuration of some library names code to import or to fetch.
CODE_KEYS = frozenset({"_target_", "_partial_", "auto_map", "trust_remote_code", "custom_pipelines", "class_path"})


def check_members(members: Iterable[zipfile.ZipInfo], where: str | Path) -> None:
    """Refuse an archive with anything but plain files of known kinds below its root."""
    seen: set[str] = set()
    total = 0
    for member in members:
        name = member.filename
        check_member_name(name, where)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UserError(f"{where}: refused: {name!r} is a link, not a file")
        if member.flag_bits & 1:
            raise UserError(f"{where}: refused: {name!r} is encrypted")
        if name in seen:
            raise UserError(f"{where}: refused: {name!r} occurs twice")
        seen.add(name)
        total += member.file_size
        if total > MAX_BYTES:
            raise UserError(f"{where}: refused: unpacked it is more than {MAX_BYTES // 2**30} GiB")
        if PurePosixPath(name).suffix in (".yaml", ".json") and member.file_size > MAX_TEXT_BYTES:
            raise UserError(f"{where}: refused: {name!r} has {member.file_size} bytes, more than any configuration")


def check_member_name(name: str, where: str | Path) -> None:
    """Refuse a path that leaves the package, or a kind of file that has no business in it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name or not path.parts:
        raise UserError(f"{where}: refused: the member {name!r} would lie outside of it")
    if name.endswith("/"):
        return
    if path.suffix not in SUFFIXES and path.name not in NAMES:
        raise UserError(
            f"{where}: refused: {name!r} is none of the files that a package holds ({' '.join(sorted(SUFFIXES))}); "
            "pickles and code least of all"
        )


def load_packed_config(path: Path, where: str | Path) -> dict[str, Any]:
    """Read a package's YAML, which is data and nothing else."""
    return parse_config(path.read_bytes(), f"{where}: {path.name}")


def parse_config(text: bytes, where: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: refused: not plain YAML data ({first_line(error)})") from error
    if not isinstance(content, dict):
        raise UserError(f"{where}: holds no mapping")
    refuse_code(content, where)
    return content


def load_json(path: Path, where: str | Path) -> Any:
    content = parse_json(path.read_bytes(), f"{where}: {path.name}")
    refuse_code(content, f"{where}: {path.name}")
    return content


def refuse_code(content: object, where: str) -> None:
    """Raise where any key, at any depth, names code."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key in CODE_KEYS:
                raise UserError(f"{where}: refused: the key {key!r} names code ({str(value)[:60]!r})")
            refuse_code(value, where)
    elif isinstance(content, list):
        for value in content:
            refuse_code(value, where)


def check_model_config(config: Mapping[str, Any], where: str | Path) -> None:
    """Refuse a model's configuration that would load anything from outside the package."""
    if unknown := sorted(map(str, config.keys() - set(MODEL_OPTIONS))):
        raise UserError(f"{where}: refused: the configuration's key {unknown[0]!r} is not about what the model is")
    encoder = config.get("text_encoder_conf") or {}
    if not isinstance(encoder, Mapping) or encoder.get("model") is not None:
        raise UserError(f"{where}: refused: text_encoder_conf would fetch {encoder!r}; a package brings its encoder")
    hears = config.get("audio_encoder_conf") or {}
    if not isinstance(hears, Mapping) or (
        hears.get("model") is not None and not (hears.get("reads_states") and hears.get("identity"))
    ):
        raise UserError(
            f"{where}: refused: audio_encoder_conf would fetch {hears!r}; a package brings its encoder, or names it "
            "with its identity"
        )
    if not isinstance(config.get("token_list"), list):
        raise UserError(f"{where}: the configuration holds no token list")


def check_lm_config(config: Mapping[str, Any], where: str | Path) -> None:
    if unknown := sorted(map(str, config.keys() - set(LM_OPTIONS))):
        raise UserError(f"{where}: refused: the language model's key {unknown[0]!r} is not about what it is")
    if config.get("lm") not in LM_NETWORKS:
        raise UserError(f"{where}: refused: lm is {config.get('lm')!r}, not one of {', '.join(LM_NETWORKS)}")


def check_tokenizer(folder: Path, where: str | Path) -> None:
    """Refuse a tokenizer's folder that holds anything but data."""
    if not (folder / "tokenizer.json").is_file():
        raise UserError(f"{where}: no tokenizer.json in {folder.name}")
    for path in sorted(folder.iterdir()):
        check_member_name(path.name, where)
        if path.suffix == ".json" and path.name != "tokenizer.json":  # that one is read by a library without Python
            load_json(path, where)


def check_statistics(path: Path, where: str | Path) -> None:
    """Refuse statistics with anything but numbers in them."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                arrays[name]
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{where}: refused: {path.name} is not arrays of numbers ({first_line(error)})") from error
