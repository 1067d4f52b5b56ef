"""An ESPnet ASR or OWSM-CTC model as a package or a training's folder: its configuration and its weights.

The name of such a model has ``espnet:`` in front here: a package (a zip), a folder with ``meta.yaml`` or with
``config.yaml`` and a checkpoint, a name of espnet_model_zoo, or ``user/model`` of the hub. Nothing here imports torch.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from espnet_atat.bounded import read_small
from espnet_atat.datadir import SAMPLE_RATE
from espnet_atat.errors import UserError, first_line
from espnet_atat.plain_yaml import MAX_BYTES, parse_plain
from espnet_atat.schema import read

ESPNET, ESPNET_PREFIX = "espnet", "espnet:"
META = "meta.yaml"
#: Bytes of weights, and how many times as large as packed they may be.
MAX_WEIGHTS, MAX_RATIO = 16 * 2**30, 10
#: Of the options of a training, what an encoder is built of.
KEYS = ("frontend", "frontend_conf", "normalize", "normalize_conf", "encoder", "encoder_conf")
CTC_KEYS = ("promptencoder", "promptencoder_conf", "ctc_conf")
#: Input frames of a state, by ESPnet's ``input_layer``.
SUBSAMPLING: Mapping[str | None, int] = {
    None: 1,
    "linear": 1,
    "conv1d1": 1,
    "conv1d2": 2,
    "conv1d3": 3,
    "conv2d": 4,
    "conv2d1": 1,
    "conv2d2": 2,
    "conv2d6": 6,
    "conv2d8": 8,
}
#: OWSM-CTC's tokens in front of an utterance, and the token for "no text before it".
LANGUAGE, TASK, NOTHING = "<eng>", "<asr>", "<na>"


@dataclass(frozen=True, kw_only=True)
class EspnetConfig:
    """What an encoder is built of, and what is known of it: the counterpart of a transformers configuration.

    Attributes:
        options: the training's, of front end, normalisation and encoder.
        vocabulary: number of tokens; only of OWSM-CTC, whose encoder is conditioned on its CTC and on tokens.
        prefix, previous: ids of its tokens for language and task, and of the token for "no text before".
    """

    hidden_size: int
    samples_per_state: int
    options: Mapping[str, Any]
    vocabulary: int | None = None
    prefix: tuple[int, ...] = ()
    previous: tuple[int, ...] = ()
    model_type: Literal["espnet"] = "espnet"

    def to_diff_dict(self) -> dict[str, Any]:
        """Plain data, as transformers' configurations give it."""
        return asdict(self)

    @classmethod
    def of(cls, saved: Mapping[str, Any], where: str) -> Self:
        """From the options of a training."""
        for key in ("preencoder", "postencoder"):
            if saved.get(key) is not None:
                raise UserError(f"{where}: its {key} {saved[key]!r} is not supported: take a model without one")
        if saved.get("frontend") != "default":
            raise UserError(
                f"{where}: its frontend is {saved.get('frontend')!r}: a model of log mels (default) is needed"
            )
        conf, front = saved.get("encoder_conf") or {}, saved.get("frontend_conf") or {}
        layer = conf.get("input_layer", "conv2d")
        if layer not in SUBSAMPLING:
            raise UserError(
                f"{where}: its encoder's input_layer is {layer!r}, not one of {', '.join(map(str, SUBSAMPLING))}"
            )
        if front.get("fs", SAMPLE_RATE) not in (SAMPLE_RATE, f"{SAMPLE_RATE // 1000}k"):
            raise UserError(f"{where}: it hears {front['fs']} samples per second, not {SAMPLE_RATE}")
        of_ctc = saved.get("promptencoder") is not None
        options = {key: saved.get(key) for key in (*KEYS, *(CTC_KEYS if of_ctc else ()))}
        normalise = {key: each for key, each in (saved.get("normalize_conf") or {}).items() if key != "stats_file"}
        special: dict[str, Any] = {}
        if of_ctc:
            ids = {token: number for number, token in enumerate(saved["token_list"])}
            if absent := [token for token in (LANGUAGE, TASK, NOTHING) if token not in ids]:
                raise UserError(f"{where}: its token list has no {absent[0]}: not an OWSM-CTC model for English")
            special = {"prefix": (ids[LANGUAGE], ids[TASK]), "previous": (ids[NOTHING],), "vocabulary": len(ids)}
        return cls(
            hidden_size=int(conf.get("output_size", 256)),
            samples_per_state=int(front.get("hop_length", 128)) * SUBSAMPLING[layer],
            options={**options, "normalize_conf": normalise},
            **special,
        )


def is_checkpoint(name: str) -> bool:
    """Whether ``audio_encoder_init`` names only weights, not a model with its configuration."""
    return name.endswith((".pth", ".pt"))


def is_espnet(name: str | None) -> bool:
    return name is not None and name.startswith(ESPNET_PREFIX)


def load_espnet_config(name: str | None, config: Mapping[str, Any] | None) -> EspnetConfig:
    """From a saved dictionary, else from a model by its name."""
    if config is not None:
        return read(EspnetConfig, config, "audio_encoder_conf: config")
    assert name is not None
    where = name.removeprefix(ESPNET_PREFIX)
    saved = parse_plain(read_member(name, "config"), f"{where}: its configuration")
    if "encoder" not in saved:
        raise UserError(f"{where}: its configuration is not that of an ESPnet ASR model")
    return EspnetConfig.of(saved, where)


def espnet_files(name: str, *, fetch: bool = True) -> list[Path]:
    """The files that decide what the model computes."""
    source = _source(name, fetch=fetch)
    return [source] if source.is_file() else [source / each for each in _members(source)]


def read_member(name: str, part: Literal["config", "weights"]) -> bytes:
    """The bytes of the training configuration or of the weights."""
    source = _source(name)
    return _read_member(source, _members(source)[part == "weights"], MAX_BYTES if part == "config" else None)


def _read_member(source: Path, member: str, limit: int | None) -> bytes:
    """A file of a package, or below a folder, of at most ``limit`` bytes, or (None) as many as weights may have."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{source}: refused: {META} names {member!r}, which would lie outside it")
    if not source.is_file():
        return read_small(source / member, limit or MAX_WEIGHTS, f"{source}: {member}")
    try:
        with zipfile.ZipFile(source) as archive:
            if archive.getinfo(member).file_size > (limit or min(MAX_WEIGHTS, MAX_RATIO * source.stat().st_size)):
                raise UserError(f"{source}: refused: {member!r} is far larger than such a file")
            return archive.read(member)
    except UserError:
        raise
    except Exception as error:  # zip and zlib raise a dozen kinds
        raise UserError(f"{source}: {member!r} cannot be read from this zip ({first_line(error)})") from error


def _source(name: str, *, fetch: bool = True) -> Path:
    name = name.removeprefix(ESPNET_PREFIX)
    path = Path(name).expanduser()
    if path.exists():
        return path
    if path.is_absolute() or path.suffix in (".zip", ".pth") or not fetch:
        raise UserError(f"{name}: no such package or folder of an ESPnet ASR model (audio_encoder_init)")
    return fetch_model(name)


def fetch_model(name: str) -> Path:
    """From the cache or the network: the zip of an address or of the zoo, the folder of a hub repository."""
    from espnet_model_zoo.downloader import ModelDownloader

    try:
        return Path(ModelDownloader().download(name, quiet=True))
    except Exception as error:  # the client's, httpx's and requests' errors have no common base
        raise UserError(
            f"{name}: no such file or folder, and neither espnet_model_zoo nor the hub has it ({first_line(error)})"
        ) from error


def _members(source: Path) -> tuple[str, str]:
    """Names of configuration and weights, in a package or below a folder."""
    if source.is_file():
        try:
            with zipfile.ZipFile(source) as archive:
                holds = META in archive.namelist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise UserError(f"{source}: not a package of ESPnet (a zip): {first_line(error)}") from error
    else:
        holds = (source / META).is_file()
    if holds:
        content = parse_plain(_read_member(source, META, MAX_BYTES), f"{source}: {META}")
        parts = [content.get(key) or {} for key in ("files", "yaml_files")]
        if not all(isinstance(part, Mapping) for part in parts):
            raise UserError(f"{source}: {META}: files and yaml_files are mappings of arguments to paths")
        named = {key: each for part in parts for key, each in part.items()}
        config = [each for key, each in named.items() if key in ("asr_train_config", "s2t_train_config")]
        weights = [each for key, each in named.items() if key in ("asr_model_file", "s2t_model_file")]
        if len(config) == len(weights) == 1:
            return str(config[0]), str(weights[0])
        raise UserError(f"{source}: {META} names no asr_train_config and asr_model_file: not an ESPnet ASR model")
    found = sorted(path.name for path in source.glob("*.ave*.pth")) if source.is_dir() else []
    if (source / "config.yaml").is_file() and len(found) == 1:
        return "config.yaml", found[0]
    raise UserError(f"{source}: no {META}, nor config.yaml beside one averaged checkpoint: not an ESPnet ASR model")
