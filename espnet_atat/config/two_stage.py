"""A row that is a two-stage pipeline: a tagger, and whose words it reads. In place of ``decode``::

pipeline:
  tagger: bilstm_crf                               # or crf
  data: [mini/music_train]                         # sets whose trees it learns; nested: see options
  options: {epochs: 20, pretrain_epochs: 5}        # of baselines.config, but for the seed, which is the row's
  pretrain_data: [mini/sentences_train]            # sets whose words the BiLSTM is pretrained on; no trees needed
first_stage: {whisper: tiny.en, language: en}      # a model of Whisper: its size, or a folder
             {asr: decode}                         # the row's own model (pretrain, finetune), as asr,
                                                   # searched by conf/decode.yaml
             {transcripts: "asr/seed{seed}/{set}"} # words that any recogniser wrote: lines of utterance id, words
             {oracle: true}                        # the set's own text: what a recogniser without errors would give
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_type_hints

from espnet_atat.baselines.config import CONFIGS, BilstmConfig, Config
from espnet_atat.errors import UserError
from espnet_atat.schema import read

#: Kinds of first stages, each a key of ``first_stage``.
ASR, WHISPER, TRANSCRIPTS, ORACLE = KINDS = ("asr", "whisper", "transcripts", "oracle")
#: Those whose recogniser was not trained here: nobody knows what they cost.
FOREIGN = (WHISPER, TRANSCRIPTS)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The second stage; sets are ``recipe/name``."""

    tagger: Literal["crf", "bilstm_crf"]
    data: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    pretrain_data: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.data, *self.pretrain_data):
            if "/" not in name:
                raise UserError(f"data and pretrain_data: a set is recipe/name, found {name!r}")
        if not self.data:
            raise UserError("data is not empty: a tagger learns from trees")
        if "seed" in self.options:
            raise UserError("options: the seed is that of the row (seeds, --seeds): leave it out here")
        config = self.config(seed=1)
        if bool(self.pretrain_data) != (isinstance(config, BilstmConfig) and config.pretrain_epochs > 0):
            raise UserError("pretrain_data and the option pretrain_epochs (of bilstm_crf) go together")

    @property
    def has_seed(self) -> bool:
        """Whether anything of the training is drawn at random: a CRF is the same with every seed."""
        return CONFIGS[self.tagger] is BilstmConfig

    def config(self, seed: int) -> Config:
        kind = CONFIGS[self.tagger]
        hints = get_type_hints(kind)
        options = {
            name: float(value) if hints.get(name) is float and type(value) is int else value
            for name, value in self.options.items()
        }
        return read(kind, {**options, **({"seed": seed} if self.has_seed else {})}, "options")

    def __str__(self) -> str:
        options = f" with {dict(self.options)}" if self.options else ""
        pretraining = f", pretrained on the words of {', '.join(self.pretrain_data)}" if self.pretrain_data else ""
        return f"{self.tagger}{options} on the trees of {', '.join(self.data)}{pretraining}"


@dataclass(frozen=True, kw_only=True)
class FirstStage:
    """Whose words the tagger reads: one of the first four; ``language`` is for Whisper."""

    asr: str | None = None
    whisper: str | None = None
    transcripts: str | None = None
    oracle: Literal[True] | None = None
    language: str = "en"

    def __post_init__(self) -> None:
        said = [kind for kind in KINDS if getattr(self, kind)]
        if len(said) != 1:
            raise UserError(f"needs one of {', '.join(KINDS)}, found {', '.join(said) or 'none of them'}")
        if self.language != "en" and self.kind != WHISPER:
            raise UserError(f"language goes with {WHISPER}")
        if self.asr and "/" in self.asr:
            raise UserError(f"asr: {self.asr!r} cannot name a folder of results: copy that configuration")

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def value(self) -> str:
        """What the file says about it; empty for the oracle."""
        return "" if self.kind == ORACLE else str(getattr(self, self.kind))

    @property
    def folder(self) -> str:
        """In paths of results, what other rows have the inference configuration for."""
        return self.value if self.kind == ASR else self.kind

    def __str__(self) -> str:
        return {
            ASR: f"its own asr, searched by {self.value}",
            WHISPER: f"Whisper {self.value} ({self.language})",
            TRANSCRIPTS: self.value,
            ORACLE: "the text itself",
        }[self.kind]
