"""From a system's files to the runs it needs, each named by a hash of its configuration, data, seed and parents."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet_atat.config.audio_choice import check_unheard
from espnet_atat.config.layout import DUMP, short
from espnet_atat.config.mixture import MIXTURE_SEED, Mixtures, load_mixtures
from espnet_atat.config.pretrain_slu import KEY, PretrainingSets, check_prepared, choose_sets, takes_sets
from espnet_atat.config.system import EMBEDDING, Phase, System
from espnet_atat.config.training import (
    AUDIO_ENCODER_INIT,
    best_model,
    check_finetune,
    load_token_config,
    load_training_config,
)
from espnet_atat.errors import UserError
from espnet_atat.recipe.fingerprint import file_digest
from espnet_atat.recipe.known_tags import KEY as KNOWN_TAGS
from espnet_atat.recipe.known_tags import unseen_tags
from espnet_atat.recipe.mixtures import identity_of, is_raw, targets_of
from espnet_atat.recipe.planned import Planned
from espnet_atat.recipe.runs import Run
from espnet_atat.text.growth import BPEGrowth
from espnet_atat.text.tokenizer import target_words

#: Options of training that decide what statistics and shapes are; the rest leaves them as they are.
STATISTICS_KEYS = ("input_size", "frontend", "frontend_conf", "text_encoder", "text_tokenizer", "ctc_unit")


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training run with the runs it stands on.

    Attributes:
        config: ESPnet's options, as resolved from the YAML files.
        tokens: folder with ``tokens.txt``; a fine-tuning's is grown from its parent's if it keeps the embedding.
        statistics: folder with the written mixture, shapes and statistics.
        run: ESPnet's output folder.
        model: file in it that the next phase and decoding take.
        raw: whether the dump holds audio, not features.
        keep: parameters that a fine-tuning takes over from its parent; None: all.
    """

    mixtures: Mixtures
    config: Mapping[str, Any]
    seed: int
    tokens: Run
    statistics: Run
    run: Run
    model: str
    raw: bool
    token_config: Mapping[str, Any]
    parent: "Training | None" = None
    keep: tuple[str, ...] | None = None

    @property
    def model_file(self) -> Path:
        return self.run.folder / self.model

    @property
    def first(self) -> "Training":
        """The pretraining at the root."""
        return self.chain[0]

    @property
    def text_tokenizer(self) -> str | None:
        """Folder or name of the text encoder's tokenizer; None without a text encoder."""
        if self.config.get("text_encoder", "hugging_face") is None:
            return None
        if self.token_config.get("wordpiece_size") is not None:
            return str(self.first.tokens.folder / "text_tokenizer")
        return self.token_config.get("text_tokenizer") or self.config.get("text_tokenizer")

    @property
    def grows(self) -> bool:
        """Whether the token list is the parent's with the new tokens at its end, not one of its own."""
        return "grown_from" in self.tokens.identity

    @property
    def grow_bpe(self) -> BPEGrowth | None:
        """How words get pieces of a second BPE model; None: no word gets any."""
        options = self.tokens.identity.get("grow_bpe")
        return None if options is None else BPEGrowth(**options)

    @cached_property
    def chain(self) -> tuple["Training", ...]:
        """From the pretraining to this one."""
        return (*(self.parent.chain if self.parent else ()), self)


@dataclass(frozen=True, kw_only=True)
class SystemRun(Planned):
    """A system whose hypotheses a model searches."""

    final: Training

    @property
    def needs(self) -> tuple[Run, ...]:
        return (self.final.run,)


def plan_system(system: System, seed: int, fold: int | None = None) -> SystemRun:
    """Resolve a system.

    Raises:
        UserError: a file is missing or wrong, or a set of a mixture is not in ``dump/`` yet.
    """
    system = system.of_fold(fold)
    if system.pretrain is None:
        raise UserError(f"system {system.name} is a pipeline over the words of others: it has no model of its own")
    token_config = load_token_config(system.recipe, system.tokens)
    config = load_training_config(system.recipe, system.pretrain)
    selection = choose_sets(system) if takes_sets(system) else None
    mixtures = load_mixtures(system.recipe, system.pretrain, fold, selection)
    check_prepared(mixtures.parts, system.recipe)
    final = plan_training(system.pretrain, mixtures, config, seed, token_config)
    if system.finetune is not None:
        # What fine-tuning does not name is as it was in pretraining: the model is the same one.
        inherited = {key: value for key, value in config.items() if key != AUDIO_ENCODER_INIT}
        config = load_training_config(system.recipe, system.finetune, inherited)
        check_finetune(system.finetune, config)
        mixtures = load_mixtures(system.recipe, system.finetune, fold)
        check_prepared(mixtures.parts, system.recipe)
        final = plan_training(system.finetune, mixtures, config, seed, token_config, final)
    learnt = [part for step in final.chain for part in step.mixtures.train]
    check_unheard(system.listening, (part.set for part in learnt if part.source == "speech"))
    return SystemRun(system=system, seed=seed, fold=fold, final=final)


def plan_training(
    phase: Phase,
    mixtures: Mixtures,
    config: Mapping[str, Any],
    seed: int,
    token_config: Mapping[str, Any],
    parent: Training | None = None,
) -> Training:
    """The runs of one phase."""
    identities = {
        split: [identity_of(part) for part in parts]
        for split, parts in (("train", mixtures.train), ("valid", mixtures.valid))
    }
    targets = [{"target": i["target"], "part": _without_weight(i["part"])} for i in identities["train"]]
    earlier = (
        [part for step in parent.chain for part in step.mixtures.parts] if parent and phase.keeps(EMBEDDING) else []
    )
    unseen = unseen_tags([*mixtures.train, *earlier], mixtures.valid, DUMP, MIXTURE_SEED)
    known = {KNOWN_TAGS: unseen} if unseen else {}
    if parent is not None and phase.keeps(EMBEDDING):
        finer = {"grow_bpe": dataclasses.asdict(phase.grow_bpe)} if phase.grow_bpe is not None else {}
        grown = {"kind": "tokens", "grown_from": parent.tokens.key, "data": targets, **finer, **known}
        tokens = Run(f"tokens-{mixtures.name}", grown)
    else:
        tokens = Run("tokens", {"kind": "tokens", "config": dict(token_config), "data": targets, **known})
    statistics_config = {key: config[key] for key in STATISTICS_KEYS if config.get(key) is not None}
    statistics = Run(
        f"stats-{mixtures.name}",
        {"kind": "statistics", "tokens": tokens.key, "config": statistics_config, "data": identities},
    )
    identity = {"kind": "training", "config": dict(config), "seed": seed, "statistics": statistics.key}
    if masks := config.get("mask_conf"):  # named by its files; their content decides too
        identity["alignments"] = {name: file_digest(Path(path)) for name, path in masks.get("alignments", {}).items()}
    if file := config.get(AUDIO_ENCODER_INIT):
        identity[AUDIO_ENCODER_INIT] = file_digest(_existing(file))
    if parent is not None:
        kept = {"keep": sorted(phase.keep)} if phase.keep is not None else {}
        identity["initialised_from"] = {"run": parent.run.key, "model": parent.model, **kept}
    return Training(
        mixtures=mixtures,
        config=config,
        seed=seed,
        tokens=tokens,
        statistics=statistics,
        run=Run(f"{short(phase.config)}-{mixtures.name}-seed{seed}", identity, _notes(mixtures.selection)),
        model=phase.model or best_model(config),
        raw=_holds_audio(mixtures, parent),
        token_config=token_config,
        parent=parent,
        keep=phase.keep,
    )


def _holds_audio(mixtures: Mixtures, parent: Training | None) -> bool:
    """Whether the model takes audio (``--feats_type raw``): as its mixture is, or its parent where all of it is text.

    Raises:
        UserError: some sets hold audio and others features, here or in what the model was trained on before.
    """
    spoken = {part.set: is_raw(part) for part in mixtures.parts if part.source == "speech"}
    if parent is not None and any(part.source == "speech" for step in parent.chain for part in step.mixtures.parts):
        spoken = {f"pretraining with {parent.run.name}": parent.raw, **spoken}
    kinds = {raw: name for name, raw in spoken.items()}
    if len(kinds) == 2:
        raise UserError(
            f"mixture {mixtures.name}: {kinds[True]} is of audio and {kinds[False]} of features; make both by stage 6 "
            "with one --feats_type"
        )
    return True in kinds


def heard_words(final: Training) -> set[str]:
    """The words of the transcripts of all audio that a system was trained on, pretraining included."""
    parts = [part for step in final.chain for part in step.mixtures.train if part.source == "speech"]
    return {word for target in targets_of(parts) for word in target_words(target)}


def _notes(selection: PretrainingSets | None) -> dict[str, Any]:
    return {} if selection is None else {KEY: {"sets": list(selection.sets), "why": selection.why}}


def _existing(file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{path}: no such file ({AUDIO_ENCODER_INIT}: an ESPnet ASR model's .pth)")
    return path


def _without_weight(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "weight"}
