"""Checks all that a row names before anything is made: its configurations, their options, its mixtures and folds."""

from collections.abc import Mapping
from typing import Any

from espnet_atat.config.encoder_input import inherited_by_finetuning
from espnet_atat.config.known_options import Task, check_options
from espnet_atat.config.layout import conf_file, load_config, short
from espnet_atat.config.mixtures import PretrainingSets, load_mixtures
from espnet_atat.config.pretrain_slu import takes_sets
from espnet_atat.config.system import Phase, System, TestSet, inherited_mistakes, load_system
from espnet_atat.config.training import (
    check_finetune,
    check_model,
    check_parts,
    load_lm_config,
    load_token_config,
    load_training_config,
)
from espnet_atat.config.two_stage import ASR
from espnet_atat.decode.search_config import SearchConfig, read_search
from espnet_atat.errors import UserError, naming
from espnet_atat.schema import read
from espnet_atat.text.pieces import FASTEST_PACE
from espnet_atat.train.schedule import Schedule


def check_system(system: System, fold: int | None = None) -> None:
    """Refuse a row that could not be planned, or whose options no trainer and no search takes.

    Args:
        fold: the one that is asked for; None: all that the system has.

    Raises:
        UserError: names the file and the row, and the configuration where the mistake is in one; of a mistake that the
            row inherits, the row that makes it.
    """

    def check_base(recipe: str, name: str) -> None:
        check_system(load_system(recipe, name))

    with inherited_mistakes(system.recipe, system.name, system.row, check_base), naming(system.row):
        if fold is not None:
            system.of_fold(fold)
        unit = _check_training(system, system.pretrain) if system.pretrain is not None else None
        searched = system.first_stage is None or system.first_stage.kind == ASR
        tests = (*system.dev, *system.test)
        searches = [config for name in system.decode for config in _searches(system, name, tests)] if searched else []
        listens = any(test.source != "text_in" for test in tests)
        if unit != "char" and listens and any(each.oov_penalty for each in searches):
            raise UserError(
                "decode: a configuration has oov_penalty, which needs a CTC over characters: give the model one "
                "(ctc_unit char), or name a configuration without it"
            )
        if unit == "token" and listens and any(each.reading_weight and each.ctc_weight for each in searches):
            raise UserError(
                "decode: a configuration has reading_weight and ctc_weight, which do not go together with a CTC over "
                "tokens: give the model one over characters (ctc_unit char), or set ctc_weight: 0"
            )
        if any(config.lm_weight for config in searches) or not isinstance(system.lm, str) or short(system.lm) != "lm":
            with naming("lm"):
                _check_options("lm", load_lm_config(system.recipe, system.lm), system.recipe, system.lm)


def _check_training(system: System, pretrain: Phase) -> str | None:
    """Check both phases; returns the last one's ``ctc_unit``."""
    tokens = load_token_config(system.recipe, system.tokens)
    phases = {"pretrain": pretrain} | ({"finetune": system.finetune} if system.finetune else {})
    inherited: dict[str, Any] | None = None
    for key, phase in phases.items():
        config = load_training_config(system.recipe, phase, inherited)
        with naming(key):
            _check_options("atat", config, system.recipe, phase.config, phase.options)
            if config.get("scheduler", "warmup_unfreeze") == "warmup_unfreeze":
                read(Schedule, config.get("scheduler_conf") or {}, f"{phase.config}: scheduler_conf")
            check_parts(phase, config)
            check_model(phase, config)
            _check_text_encoder(config, tokens)
            _check_babble_and_pace(config)
            places = PretrainingSets((), "") if key == "pretrain" and takes_sets(system) else None
            load_mixtures(system.recipe, phase, 1 if system.folds else None, places)
        if key == "finetune":
            check_finetune(phase, config)
        inherited = inherited_by_finetuning(config)
    return config.get("ctc_unit")


def _check_options(
    task: Task,
    config: Mapping[str, Any],
    recipe: str,
    name: str | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
) -> None:
    """Check options that are of the configuration ``name``, or spelled out there, but for the row's ``options``."""

    def place(option: str, key: str) -> str:
        own = (options or {}).get(option)
        if not isinstance(name, str):
            return "as the row says it"
        if option in (options or {}) and (not key or not isinstance(own, Mapping) or key in own):
            return "options"
        return str(conf_file(recipe, name))

    check_options(task, config, place)


def _check_text_encoder(config: Mapping[str, Any], tokens: Mapping[str, Any]) -> None:
    """A text encoder is pretrained or not; its tokenizer is its own, another that is named, or trained in stage 7."""
    if config.get("text_encoder", "hugging_face") is None:
        return
    options = config.get("text_encoder_conf") or {}
    if options.get("model") is not None and options.get("config") is not None:
        raise UserError(
            "text_encoder_conf: model names a pretrained encoder, config describes one to train from scratch: set one "
            "of the two to null"
        )
    named = {"text_tokenizer": config.get("text_tokenizer"), "text_encoder_conf: model": options.get("model")}
    names = [key for key, value in named.items() if value is not None]
    if names and tokens.get("wordpiece_size") is not None:
        raise UserError(
            f"tokens: wordpiece_size trains a tokenizer, and {names[0]} names one: leave one of the two out"
        )
    if not names and tokens.get("wordpiece_size") is None:
        raise UserError(
            "the text encoder has no tokenizer: tokens: wordpiece_size trains one, text_tokenizer names one; or "
            "text_encoder: null does without the encoder"
        )


def _check_babble_and_pace(config: Mapping[str, Any]) -> None:
    babble = (config.get("waveform_augment_conf") or {}).get("babble")
    if isinstance(babble, Mapping) and babble.get("sounds") is None:
        raise UserError("waveform_augment_conf: babble: sounds is missing: name a folder or a list of recordings")
    if not 0 <= (pace := config.get("text_pace", 0)) <= FASTEST_PACE:
        raise UserError(f"text_pace is a number of states from 0 to {FASTEST_PACE}, found {pace}")
    if pace and config.get("text_encoder", "hugging_face") is None:
        raise UserError("text_pace needs a text encoder: leave text_pace or text_encoder: null out")


def _searches(system: System, name: str, tests: tuple[TestSet, ...]) -> list[SearchConfig]:
    """Check an inference configuration, for each label of the test sets."""
    path = conf_file(system.recipe, name)
    options = load_config(path)
    labels = [ASR] if system.first_stage is not None else [test.task for test in tests]
    found = [read_search(options, str(path), label)[0] for label in dict.fromkeys(labels)]
    if name == system.decode[0] and found and found[0].lexicon is not None:
        raise UserError(f"{path}: a package brings no lexicon: let another configuration be the first of decode")
    return found
