"""The input of models that do not read log mels, and where it lies: MFCC, or states of a pretrained speech encoder.

A training configuration asks for MFCC by ``feats_type: mfcc``, with their ``input_size`` (``speech.mfcc``).

For an encoder, ``audio_encoder`` is ``hugging_face`` (``audio_encoder_conf`` names it) or ``espnet``
(``audio_encoder_init`` does).

A frozen encoder runs over each set once, in stage 6, and its states are features from then on. An encoder that is
trained, a learnt sum of layers, adapters in it, or augmentation of audio in training need audio. The
configuration's ``feats_type``, ``encoder`` or ``raw``, overrides that choice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from espnet_atat.config.known_options import FEATS_TYPE
from espnet_atat.config.layout import DUMP, FOLD
from espnet_atat.config.mixtures import find_mixture, is_place
from espnet_atat.config.system import Phase, System
from espnet_atat.config.training import AUDIO_ENCODER_INIT, load_training_config
from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET, ESPNET_PREFIX
from espnet_atat.graph.digest import digest
from espnet_atat.hub import HUGGING_FACE, model_identity
from espnet_atat.speech.mfcc import SIZES, MfccConfig
from espnet_atat.speech.states import StatesConfig

#: Below ``dump``: audio for those of these models that read it, whatever ``--feats_type`` is.
RAW = DUMP / "raw"
MFCC = "mfcc"


@dataclass(frozen=True)
class EncoderInput:
    """What is read of a pretrained encoder's model.

    Attributes:
        model: folder or hub name of the encoder.
        stored: its states, as stage 6 stores them; else audio.
        layers, silence: see ``model.pretrained_speech``.
    """

    model: str
    stored: bool
    layers: str | int = "last"
    silence: float = 0.5

    @cached_property
    def identity(self) -> str:
        """Hash of the encoder's files."""
        return model_identity(self.model)

    @property
    def dump(self) -> Path:
        """The folder of ``recipe/set`` dirs."""
        if not self.stored:
            return RAW
        made_by = digest([self.identity, self.layers, self.silence])
        return DUMP / f"{Path(self.model.removeprefix(ESPNET_PREFIX)).name.removesuffix('.zip')}-{made_by}"

    def config(self, *, compress: bool, allow_bad: bool) -> StatesConfig:
        """How stage 6 makes the states."""
        return StatesConfig(
            compress=compress,
            allow_bad=allow_bad,
            model=self.model,
            identity=self.identity,
            layers=self.layers,
            silence=self.silence,
        )


@dataclass(frozen=True)
class Cepstra:
    """MFCC, beside the log mels of the same sets: ``dump/mfcc13``, or with deltas ``dump/mfcc13d``."""

    num_ceps: int = 13
    deltas: bool = False
    stored: ClassVar[bool] = True

    @property
    def dump(self) -> Path:
        """The folder of ``recipe/set`` dirs."""
        return DUMP / f"{MFCC}{self.num_ceps}{'d' if self.deltas else ''}"

    def config(self, *, compress: bool, allow_bad: bool) -> MfccConfig:
        """How stage 6 makes them."""
        return MfccConfig(compress=compress, allow_bad=allow_bad, num_ceps=self.num_ceps, deltas=self.deltas)


def cepstra_of(config: Mapping[str, Any]) -> Cepstra | None:
    """The MFCC that a training configuration wants; None: it wants none."""
    if config.get(FEATS_TYPE) != MFCC:
        return None
    if config.get("input_size") not in SIZES:
        sizes = ", ".join(f"{size} ({ceps}{', deltas' if deltas else ''})" for size, (ceps, deltas) in SIZES.items())
        raise UserError(f"{FEATS_TYPE}: {MFCC}: input_size is one of {sizes}, found {config.get('input_size')!r}")
    return Cepstra(*SIZES[config["input_size"]])


def encoder_input_of(config: Mapping[str, Any]) -> EncoderInput | None:
    """What a training configuration says about it; None: the audio encoder is trained from scratch."""
    chosen = config.get(FEATS_TYPE)
    kind = config.get("audio_encoder")
    if kind not in (HUGGING_FACE, ESPNET):
        if chosen not in (None, MFCC):
            raise UserError(
                f"{FEATS_TYPE}: {chosen}: needs audio_encoder {HUGGING_FACE} or {ESPNET}; else give --feats_type"
            )
        return None
    conf = config.get("audio_encoder_conf") or {}
    if kind == ESPNET:
        init = config.get(AUDIO_ENCODER_INIT)
        model = conf.get("model") if init is None else f"{ESPNET_PREFIX}{init}"
        if model is None:
            raise UserError(f"audio_encoder {ESPNET}: {AUDIO_ENCODER_INIT} names no model (a package, folder or name)")
    elif (model := conf.get("model")) is None:
        raise UserError(f"audio_encoder {HUGGING_FACE}: audio_encoder_conf names no model (a folder or hub name)")
    frozen = conf.get("trained", "none") == "none" and conf.get("layers", "last") != "weighted"
    if chosen not in (None, "encoder", "raw"):
        raise UserError(f"{FEATS_TYPE} is encoder or raw, found {chosen!r}")
    if chosen == "encoder" and not frozen:
        raise UserError(f"{FEATS_TYPE}: encoder: needs a frozen encoder: trained: none, and layers: last or a number")
    audio = chosen == "raw" or not frozen or bool(config.get("waveform_augment_conf") or config.get("use_adapter"))
    stored = chosen == "encoder" or not audio
    return EncoderInput(str(model), stored, conf.get("layers", "last"), float(conf.get("silence", 0.5)))


def inherited_by_finetuning(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a pretraining that hold in a fine-tuning too: its encoder comes from the pretraining."""
    inherited = {key: value for key, value in config.items() if key != AUDIO_ENCODER_INIT}
    if config.get("audio_encoder") == ESPNET and (encoder_input := encoder_input_of(config)) is not None:
        inherited["audio_encoder_conf"] = {**(config.get("audio_encoder_conf") or {}), "model": encoder_input.model}
    return inherited


def input_of(config: Mapping[str, Any]) -> EncoderInput | Cepstra | None:
    """What a model reads in place of log mels (or of audio, where ``--feats_type`` says so); None: nothing else."""
    return encoder_input_of(config) or cepstra_of(config)


def inputs_of(systems: Iterable[System]) -> Iterator[tuple[EncoderInput | Cepstra, set[str] | None]]:
    """What each phase of the systems reads in place of log mels, and of which sets ``recipe/name``.

    None: of any, as others choose what a system pretrains on.
    """
    for system in systems:
        phases = [phase for phase in (system.pretrain, system.finetune) if phase is not None]
        config: dict[str, Any] = {}
        for phase in phases:
            config = load_training_config(system.recipe, phase, inherited_by_finetuning(config) if config else None)
            if (model_input := input_of(config)) is not None:
                yield model_input, _sets_of(system, phases)


def _sets_of(system: System, phases: Iterable[Phase]) -> set[str] | None:
    entries = [
        each
        for phase in phases
        if (mixture := find_mixture(system.recipe, phase))
        for each in (*mixture.train, *mixture.valid)
    ]
    if any(map(is_place, entries)):
        return None
    names = [*(str(entry.get("set")) for entry in entries), *(test.set for test in (*system.dev, *system.test))]
    # All that a row may be tested on: this call may prepare one that is preferred to the one chosen before it.
    names += [name for choice in system.audio_choices for name in choice.sets.values()]
    folds = range(1, (system.folds or 1) + 1)
    return {name.replace(FOLD, str(fold)) for name in names for fold in folds}
