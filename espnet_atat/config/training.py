"""The options of stages 7 to 11, as resolved from configurations and rows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from espnet_atat.config.layout import conf_file, load_config, merged
from espnet_atat.config.system import Phase
from espnet_atat.errors import UserError
from espnet_atat.schema import check_known, read

#: What a model has parameters in, as names in ``freeze_param``, ``keep`` and ``pretrained_parameters`` begin.
MODEL_PARTS = ("audio_encoder", "text_encoder", "decoder", "ctc", "contrast", "frontend", "normalize", "specaug")
#: What ESPnet chooses models by where ``best_model_criterion`` is left out.
ESPNET_CRITERIA = ("train.loss", "valid.loss", "train.acc", "valid.acc")
#: An option of a pretraining: an ESPnet ASR checkpoint; a fine-tuning has its encoder from the pretraining.
AUDIO_ENCODER_INIT = "audio_encoder_init"


@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """Options of stage 7: tokens in the end (tags are whole), and pieces of a tokenizer that it trains.

    The tokenizer is for a text encoder that is trained from scratch; a pretrained one has its own.
    """

    bpe_size: int
    wordpiece_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("bpe_size", "wordpiece_size"):
            if (size := getattr(self, name)) is not None and size < 1:
                raise UserError(f"{name} is a whole number from 1, found {size}")


def load_token_config(recipe: str, tokens: str | Mapping[str, Any]) -> dict[str, Any]:
    """The options of a row's ``tokens``, a name or the options themselves."""
    config, where = _named(recipe, tokens, "tokens")
    read(TokenOptions, config, where)
    return config


def load_lm_config(recipe: str, lm: str | Mapping[str, Any]) -> dict[str, Any]:
    """ESPnet's options of a row's language model, ``lm``: a name or the options themselves."""
    return _named(recipe, lm, "lm")[0]


def _named(recipe: str, value: str | Mapping[str, Any], key: str) -> tuple[dict[str, Any], str]:
    if isinstance(value, str):
        path = conf_file(recipe, value)
        return load_config(path), str(path)
    return {name: each for name, each in value.items() if each is not None}, key


def load_training_config(recipe: str, phase: Phase, inherited: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """ESPnet's options of a phase: its configuration, and what the row's ``options`` say in place of that.

    An option that is a mapping, such as ``model_conf``, is taken key by key, at any depth; an empty one empties it.
    Where neither of them says anything, ``inherited`` holds.
    """
    config = {**(inherited or {}), **load_config(conf_file(recipe, phase.config))}
    return dict(merged(config, phase.options or {})) if phase.options else config


def best_model(config: Mapping[str, Any]) -> str:
    """The averaged model that ESPnet leaves for the first of ``best_model_criterion``; of ``valid acc`` by default."""
    return f"{_criteria(config, 'valid.acc')[0]}.ave.pth"


def _criteria(config: Mapping[str, Any], *usual: str) -> list[str]:
    """What models are chosen by, such as ``valid.acc``."""
    found = config.get("best_model_criterion") or ()
    for number, entry in enumerate(found, 1):
        if not (isinstance(entry, list | tuple) and len(entry) == 3 and all(isinstance(part, str) for part in entry)):
            wanted = "is a list such as [valid, acc, max]"
            raise UserError(f"best_model_criterion: entry {number} {wanted}, found {entry!r}")
    return [f"{split}.{figure}" for split, figure, _ in found] or list(usual)


def check_model(phase: Phase, config: Mapping[str, Any]) -> None:
    """Refuse a ``model`` that no training leaves."""
    criteria = _criteria(config, *ESPNET_CRITERIA)
    written = [f"{criterion}.{kind}.pth" for criterion in criteria for kind in ("ave", "best")]
    name = re.sub(r"\.ave(_\d+best)?(\.till\d+epoch)?\.pth$", ".ave.pth", phase.model or written[0])
    if name not in (*written, "latest.pth") and not re.fullmatch(r"[1-9]\d*epoch\.pth", name):
        raise UserError(f"model: training writes {', '.join(written)}, latest.pth or Nepoch.pth, found {phase.model!r}")


def check_parts(phase: Phase, config: Mapping[str, Any]) -> None:
    """Refuse names of parameters that no model has: ESPnet freezes nothing by them, and says nothing."""
    named = {"freeze_param": config.get("freeze_param"), "pretrained_parameters": config.get("pretrained_parameters")}
    for option, names in {**named, "keep": phase.keep}.items():
        parts = [str(name).split(".")[0] for name in names or () if (option, name) != ("pretrained_parameters", "all")]
        check_known(parts, MODEL_PARTS, option, "part of the model")


def check_finetune(phase: Phase, config: Mapping[str, Any]) -> None:
    """Refuse a fine-tuning whose options, as resolved, contradict what it keeps."""
    where = f"finetune {phase.config}"
    if AUDIO_ENCODER_INIT in config:
        raise UserError(f"{where}: {AUDIO_ENCODER_INIT} is of a pretraining; this audio encoder comes from there")
    for option in ("pretrained_parameters", "freeze_param"):
        for name in config.get(option) or ():
            if name != "all" and not phase.keeps(name):
                raise UserError(
                    f"{where}: {option} names {name}, which starts fresh (keep: {', '.join(phase.keep or ())}): "
                    "keep it, or leave it out there"
                )
    if not phase.keeps_embedding and any(name.split(".")[0] == "ctc" for name in phase.keep or ()):
        raise UserError(
            f"{where}: keep: ctc needs decoder.embed: its symbols are those of the old token list, and "
            "without the embedding the list is a new one"
        )
