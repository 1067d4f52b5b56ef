"""Writing a package through ESPnet's own ``pack``."""

import contextlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.atomic import atomic_file
from espnet_atat.errors import UserError, first_line
from espnet_atat.espnet_package import ESPNET
from espnet_atat.graph.work import check_replaceable
from espnet_atat.hub import HUGGING_FACE, model_identity
from espnet_atat.installed import installed_model
from espnet_atat.package import contents
from espnet_atat.package.card import model_card, results
from espnet_atat.package.manifest import MANIFEST, Manifest
from espnet_atat.package.reader import PACKAGE_META
from espnet_atat.package.run_folder import dump_config, read_config, recorded_path

CONFIG, MODEL = "exp/config.yaml", "exp/model.pth"
LM_CONFIG, LM_MODEL = "exp/lm/config.yaml", "exp/lm/model.pth"
BPE, GROWN_WORDS = "data/bpe.model", "data/grown_words.txt"
TOKENS, CHARACTERS = "data/tokens.txt", "data/characters.txt"
TEXT_TOKENIZER, TEXT_ENCODER = "data/text_tokenizer", "data/text_encoder.json"
STATISTICS = "data/feats_stats.npz"
ENCODER_PREFIX = "audio_encoder.pretrained."


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What goes into a package: of a training run and, perhaps, of a language model over the decoder's tokens.

    Without ``text_tokenizer`` it is that of the configuration, without ``license_file`` this project's licence. With
    ``encoder_by_name``, a speech encoder whose states the model was trained on is named in the package, not part of it.
    """

    train_config: Path
    model_file: Path
    text_tokenizer: str | None = None
    license_file: Path | None = None
    lm_train_config: Path | None = None
    lm_file: Path | None = None
    encoder_by_name: bool = False


def write_package(
    sources: Sources, manifest: Manifest, output: str | Path, check: Callable[[Path], object] | None = None
) -> Manifest:
    """Write a package, a zip, which gets its name when it is whole and ``check`` of it has raised nothing.

    ``parameters`` and ``versions`` of the manifest are filled in here, and it is given back.
    """
    output = Path(output).absolute()
    if output.suffix != ".zip":
        raise UserError(f"{output}: a package is a zip: give a name that ends in .zip")
    check_replaceable(output, _is_package, file=True)
    with atomic_file(output) as packed:
        stage = packed.with_name("stage")
        for folder in ("exp", "data"):
            (stage / folder).mkdir(parents=True)
        config, files = _model_config(sources, stage)
        encoder, weights = _frozen_encoder(config, by_name=sources.encoder_by_name)
        dump_config(config, stage / CONFIG)
        yaml_files = {"train_config": CONFIG}
        parameters = _stage_weights(sources.model_file, stage / MODEL, weights)
        if sources.lm_train_config is not None and sources.lm_file is not None:
            _stage_language_model(sources.lm_train_config, sources.lm_file, stage)
            yaml_files["lm_train_config"], files["lm_file"] = LM_CONFIG, LM_MODEL
        versions = {name: metadata.version(name) for name in ("espnet", "torch", "transformers")}
        versions = {**manifest.versions, "espnet_atat": __version__, **versions}
        manifest = replace(manifest, parameters=parameters, versions=versions, encoder=encoder)
        _stage_texts(sources, manifest, stage)
        _pack(stage, yaml_files, files, packed)
        if check is not None:
            check(packed)
    return manifest


def _is_package(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return PACKAGE_META in archive.namelist()


def _model_config(sources: Sources, stage: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The configuration, all that it names being put in place, and ESPnet's mapping of arguments to files."""
    run = sources.train_config.parent
    saved = read_config(sources.train_config)
    config = {key: saved[key] for key in contents.MODEL if key in saved}
    if not isinstance(config.get("token_list"), list) or "audio_encoder" not in config:
        raise UserError(f"{sources.train_config}: not the configuration of an AT-AT training")
    files = {"model_file": MODEL}
    for key, name in (("token_list", TOKENS), ("ctc_characters", CHARACTERS)):
        if isinstance(lines := config.get(key), list):
            (stage / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for key, name in (("bpemodel", BPE), ("grown_words", GROWN_WORDS)):
        if config.get(key) is not None:
            shutil.copyfile(_existing(config[key], run, saved), stage / name)
            config[key] = name
    stats = (config.get("normalize_conf") or {}).get("stats_file")
    if stats is not None:
        shutil.copyfile(_existing(stats, run, saved), stage / STATISTICS)
        config["normalize_conf"] = {**config["normalize_conf"], "stats_file": STATISTICS}
    config["text_tokenizer"] = None
    if config.get("text_encoder") is not None:
        tokenizer = sources.text_tokenizer or saved.get("text_tokenizer")
        if tokenizer is None:
            raise UserError(f"{sources.train_config}: names no text_tokenizer: give it (--text_tokenizer)")
        found = recorded_path(tokenizer, run, saved)
        _stage_tokenizer(str(found or tokenizer), stage)
        (stage / TEXT_ENCODER).write_text(json.dumps(config["text_encoder_conf"]["config"], indent=2) + "\n")
        config["text_tokenizer"] = files["text_tokenizer"] = TEXT_TOKENIZER
    return config, files


def _frozen_encoder(config: dict[str, Any], *, by_name: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """What a manifest says about a pretrained speech encoder, and the weights that are not in the checkpoint.

    A model that was trained on an encoder's states gets the encoder itself, here and in its configuration.
    """
    conf = config.get("audio_encoder_conf") or {}
    if config["audio_encoder"] not in (HUGGING_FACE, ESPNET):
        return {}, {}
    about = {"kind": str(conf["config"]["model_type"]), "identity": str(conf.get("identity"))}
    if not conf.get("reads_states"):
        return about, {}
    name, identity = str(conf["model"]), model_identity(conf["model"])
    if identity != conf.get("identity"):
        raise UserError(f"audio encoder {name!r}: found {identity}; the model was trained on {conf.get('identity')}'s")
    if by_name:
        config["audio_encoder_conf"] = {**conf, "model": contents.encoder_name(name)}
        return {**about, "name": Path(name).name}, {}
    from espnet_atat.model.pretrained_speech import load_pretrained_speech

    encoder = load_pretrained_speech(name, layers=conf.get("layers", "last"), silence=conf.get("silence", 0.5))
    config["audio_encoder_conf"] = {**conf, "reads_states": False, "model": None}
    return about, {f"{ENCODER_PREFIX}{key}": _as_stored(value) for key, value in encoder.state_dict().items()}


def _as_stored(tensor: Any) -> Any:
    """In half precision if that is how it was stored: the same numbers in half the space."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if bool((half.float() == tensor).all()) else tensor


def _stage_tokenizer(source: str, stage: Path) -> None:
    """The tokenizer's own files, and not the encoder's weights that may lie beside them."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(installed_model(source))
    except (OSError, ValueError) as error:
        raise UserError(f"text tokenizer {source!r}: no tokenizer there ({first_line(error)})") from error
    tokenizer.save_pretrained(stage / TEXT_TOKENIZER)


def _stage_weights(model_file: Path, target: Path, more: Mapping[str, Any] | None = None) -> int:
    """Only the weights, without an optimizer's state, and ``more`` of them; returns how many numbers they are.

    Saved weights hold their adapters' part already, and a package's configuration has no adapters.
    """
    import torch

    from espnet_atat.model.exact_weights import load_state
    from espnet_atat.train.adapter import is_adapter

    if not model_file.is_file():
        raise UserError(f"{model_file}: no such file; stages 10 and 11 of the recipe make it")
    state = load_state(model_file, model_file)
    if not state:
        raise UserError(f"{model_file}: a checkpoint, but not of a model's weights")
    weights = {name: tensor.clone() for name, tensor in state.items() if not is_adapter(name)} | dict(more or {})
    torch.save(weights, target)
    return sum(tensor.numel() for tensor in weights.values())


def _stage_language_model(config: Path, model_file: Path, stage: Path) -> None:
    (stage / LM_CONFIG).parent.mkdir(parents=True)
    saved = read_config(config)
    dump_config({key: saved[key] for key in contents.LM if key in saved}, stage / LM_CONFIG)
    _stage_weights(model_file, stage / LM_MODEL)


def _stage_texts(sources: Sources, manifest: Manifest, stage: Path) -> None:
    (stage / MANIFEST).write_text(manifest.dump(), encoding="utf-8")
    (stage / "README.md").write_text(model_card(manifest), encoding="utf-8")
    (stage / "RESULTS.md").write_text(results(manifest), encoding="utf-8")
    (stage / "LICENSE").write_bytes((sources.license_file or _own_license()).read_bytes())


def _own_license() -> Path:
    """This project's licence: of the clone, or of the installed package."""
    path = Path(__file__).resolve().parents[2] / "LICENSE"
    if path.is_file():
        return path
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("espnet_atat") or ():
            if file.name == "LICENSE":
                return Path(str(file.locate()))
    raise UserError("no LICENSE beside the package: give the licence's text (--license_file)")


def _pack(stage: Path, yaml_files: Mapping[str, str], files: Mapping[str, str], output: Path) -> None:
    """ESPnet's own: it takes paths from the working directory, and reports every file."""
    from espnet2.main_funcs.pack_funcs import pack

    named = {*yaml_files.values(), *files.values()}
    others = [
        path.relative_to(stage).as_posix()
        for path in sorted(stage.rglob("*"))
        if path.is_file() and not any(path.relative_to(stage).is_relative_to(name) for name in named)
    ]
    with contextlib.chdir(stage), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        pack(files=dict(files), yaml_files=dict(yaml_files), outpath=output, option=others)


def _existing(recorded: str, run: Path, saved: Mapping[str, Any]) -> Path:
    path = recorded_path(recorded, run, saved)
    if path is None:
        raise UserError(
            f"{run / 'config.yaml'}: names {recorded}, which does not exist: run this where the model trained"
        )
    return path
