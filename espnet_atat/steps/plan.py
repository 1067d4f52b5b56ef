"""The plan of a system, made from its configuration only: its trainings with their nodes, and what its hypotheses need.

The modules of the stages say how the nodes are made; :mod:`.systems` joins the two.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet_atat.config.encoder_input import EncoderInput, encoder_input_of, input_of
from espnet_atat.config.layout import DUMP, conf_file, short
from espnet_atat.config.mixtures import PRETRAIN_SLU, Mixtures
from espnet_atat.config.pretrain_slu import PRETRAIN_SLU_OPTION, check_prepared
from espnet_atat.config.system import Phase, System, TestSet, results_folder
from espnet_atat.config.training import AUDIO_ENCODER_INIT, best_model
from espnet_atat.data.epoch_plan import PLAN_VERSION
from espnet_atat.data.targets import holds_audio, part_identity, unseen_tags
from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET_PREFIX, is_checkpoint
from espnet_atat.graph.digest import file_digest
from espnet_atat.graph.launch import Machines
from espnet_atat.graph.node import Identity, Node
from espnet_atat.hub import model_identity
from espnet_atat.stages import Stage
from espnet_atat.text.growth import BPEGrowth

#: Options of training that decide what statistics and shapes are; the rest leaves them as they are.
STATISTICS_KEYS = ("input_size", "frontend", "frontend_conf", "text_encoder", "text_tokenizer", "text_pace", "ctc_unit")
#: In a token list's identity: tags that validation has and training has not.
KNOWN_TAGS = "known_tags"


@dataclass(frozen=True, kw_only=True, eq=False)
class Training(ABC):
    """One phase of training.

    Attributes:
        config: ESPnet's options, as resolved from the YAML files.
        parent: the phase before; None: this is the pretraining.
        problem: why the sets that pretraining needs could not be chosen; None: they were.
    """

    recipe: str
    phase: Phase
    mixtures: Mixtures
    config: Mapping[str, Any]
    token_config: Mapping[str, Any]
    seed: int
    machines: Machines
    nj: int = 1
    parent: "Training | None" = None
    problem: UserError | None = None

    @cached_property
    def chain(self) -> tuple["Training", ...]:
        return (*(self.parent.chain if self.parent else ()), self)

    @property
    def first(self) -> "Training":
        return self.chain[0]

    @property
    def grows(self) -> bool:
        """Whether the token list is the parent's with the new tokens at its end, not one of its own."""
        return self.parent is not None and self.phase.keeps_embedding

    @property
    def grow_bpe(self) -> BPEGrowth | None:
        """How words get pieces of a second BPE model; None: no word gets any."""
        return self.phase.grow_bpe if self.grows else None

    @property
    def model(self) -> str:
        """The file in the run's folder that the next phase and decoding take."""
        return self.phase.model or best_model(self.config)

    @property
    def model_file(self) -> Path:
        return self.run.place / self.model

    @cached_property
    def encoder_input(self) -> EncoderInput | None:
        """What it reads, if its audio encoder is on top of a pretrained one."""
        return encoder_input_of(self.config)

    @property
    def dump(self) -> Path:
        """The folder of ``recipe/set`` dirs that it reads."""
        model_input = input_of(self.config)
        return DUMP if model_input is None else model_input.dump

    @cached_property
    def raw(self) -> bool:
        """Whether the model takes audio, not features: as its mixture is, or its parent's where all of it is text."""
        earlier = self.chain[:-1]
        heard = any(part.source == "speech" for step in earlier for part in step.mixtures.parts)
        before = {f"pretraining with {earlier[-1].run.name}": earlier[-1].raw} if heard else {}
        return holds_audio(self.mixtures.parts, self.dump, before if self.encoder_input is None else None)

    @property
    def text_tokenizer(self) -> str | None:
        """Folder or name of the text encoder's tokenizer; None without a text encoder."""
        if self.config.get("text_encoder", "hugging_face") is None:
            return None
        if self.token_config.get("wordpiece_size") is not None:
            return str(self.first.tokens.place / "text_tokenizer")
        return self.config.get("text_tokenizer") or (self.config.get("text_encoder_conf") or {}).get("model")

    @abstractmethod
    def make_tokens(self, work: Path) -> Mapping[str, int]: ...

    @abstractmethod
    def collect_statistics(self, folder: Path) -> Mapping[str, int]: ...

    @abstractmethod
    def train(self, folder: Path) -> Mapping[str, str]: ...

    @cached_property
    def tokens(self) -> Node:
        """Folder with ``tokens.txt``; a fine-tuning's is grown from its parent's if it keeps the embedding."""
        return Node(
            stage=Stage.TOKENS if self.parent is None else Stage.FINETUNE,
            name=f"tokens-{self.mixtures.name}" if self.grows else "tokens",
            identify=self._tokens_identity,
            make=self.make_tokens,
            needs=(self.parent.tokens,) if self.parent is not None and self.grows else (),
            about=f"of {self.about_data}",
            in_place=True,
        )

    def _tokens_identity(self) -> Identity:
        if self.problem is not None:
            raise self.problem
        check_prepared(self.mixtures.parts, self.recipe, self.encoder_input)
        targets = []
        for part in self.mixtures.train:
            found = part_identity(part, DUMP)
            entry = {key: value for key, value in found["part"].items() if key != "weight"}
            targets.append({"target": found["target"], "part": entry})
        earlier = [part for step in self.chain[:-1] for part in step.mixtures.parts] if self.grows else []
        unseen = unseen_tags([*self.mixtures.train, *earlier], self.mixtures.valid, DUMP)
        known = {KNOWN_TAGS: unseen} if unseen else {}
        if not self.grows:
            return {"kind": "tokens", "config": dict(self.token_config), "data": targets, **known}
        assert self.parent is not None
        finer = {"grow_bpe": dataclasses.asdict(self.grow_bpe)} if self.grow_bpe is not None else {}
        return {"kind": "tokens", "grown_from": self.parent.tokens.key, "data": targets, **finer, **known}

    @cached_property
    def statistics(self) -> Node:
        """Folder with the written mixture, the shapes and the features' statistics."""
        return Node(
            stage=Stage.STATISTICS if self.parent is None else Stage.FINETUNE,
            name=f"stats-{self.mixtures.name}",
            identify=self._statistics_identity,
            make=self.collect_statistics,
            # A fine-tuning's encoder is built as its parent's was.
            needs=(self.tokens, *((self.parent.run,) if self.parent else ())),
            about=f"of {self.about_data}",
            in_place=True,
        )

    def _statistics_identity(self) -> Identity:
        parts = {"train": self.mixtures.train, "valid": self.mixtures.valid}
        config = {key: self.config[key] for key in STATISTICS_KEYS if self.config.get(key) is not None}
        if self.token_config.get("wordpiece_size") is None and self.text_tokenizer is not None:
            config["text_tokenizer"] = self.text_tokenizer
        return {
            "kind": "statistics",
            "tokens": self.tokens.key,
            "config": config,
            "data": {split: [part_identity(part, self.dump) for part in found] for split, found in parts.items()},
        }

    @cached_property
    def run(self) -> Node:
        selection = self.mixtures.selection
        parents = (self.parent.run, self.parent.tokens) if self.parent else ()
        return Node(
            stage=Stage.PRETRAIN if self.parent is None else Stage.FINETUNE,
            name=f"{short(self.phase.config)}-{self.mixtures.name}-seed{self.seed}",
            identify=self._identity,
            make=self.train,
            needs=(self.tokens, self.statistics, *parents),
            about=self.about,
            in_place=True,
            notes={} if selection is None else {PRETRAIN_SLU: {"sets": list(selection.sets), "why": selection.why}},
        )

    def _identity(self) -> Identity:
        identity = {
            "kind": "training",
            "config": dict(self.config),
            "seed": self.seed,
            "statistics": self.statistics.key,
            "batches": PLAN_VERSION,
        }
        if self.encoder_input is not None:
            identity["encoder"] = self.encoder_input.identity
        if masks := self.config.get("mask_conf"):  # named by its files; their content decides too
            files = masks.get("alignments", {}).items()
            identity["alignments"] = {name: file_digest(Path(path)) for name, path in files}
        if (file := self.config.get(AUDIO_ENCODER_INIT)) and self.encoder_input is None:
            if not is_checkpoint(file):
                identity[AUDIO_ENCODER_INIT] = model_identity(f"{ESPNET_PREFIX}{file}")
            elif Path(file).is_file():
                identity[AUDIO_ENCODER_INIT] = file_digest(Path(file))
            else:
                raise UserError(f"{file}: no such file ({AUDIO_ENCODER_INIT}: an ESPnet ASR model's .pth)")
        if self.parent is not None:
            kept = {"keep": sorted(self.phase.keep)} if self.phase.keep is not None else {}
            identity["initialised_from"] = {"run": self.parent.run.key, "model": self.parent.model, **kept}
        _ = self.raw  # a mixture of audio and features is refused before hours of work
        return identity

    @property
    def about_data(self) -> str:
        parts, selection = [part.about for part in self.mixtures.train], self.mixtures.selection
        if selection is not None:
            parts.append(
                f"slu and nlu of {PRETRAIN_SLU_OPTION}" + (f" ({selection.why})" if self.problem is None else "")
            )
        return "; ".join(parts)

    @property
    def about(self) -> str:
        options = f" with {dict(self.phase.options)}" if self.phase.options else ""
        grown = f", BPE grown by {self.grow_bpe.size}" if self.grow_bpe is not None else ""
        return f"{conf_file(self.recipe, self.phase.config)}{options}{grown} on {self.about_data}"


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedTrial:
    """A system with one seed and, in a cross validation, one fold.

    Attributes:
        system: ``{fold}`` filled in.
        tests: the sets that are decoded: its test sets, or its dev sets.
        training: the last phase of the model that it trains; None: a pipeline over the words of others.
        tagger: of a pipeline; None: the model itself is searched for trees.
        nj: processes of decoding a large set.
    """

    system: System
    seed: int
    fold: int | None
    tests: Sequence[TestSet]
    training: Training | None
    tagger: Node | None
    nj: int = 1

    @property
    def label(self) -> str:
        """``seed1``, ``seed1_fold2``."""
        return self.folder.name

    @property
    def name(self) -> str:
        return f"{self.system.name}/{self.label}"

    @property
    def folder(self) -> Path:
        return results_folder(self.system.recipe, self.system.name, self.seed, self.fold)

    @property
    def needs(self) -> tuple[Node, ...]:
        """The runs that decoding reads."""
        return (*([self.training.run] if self.training else ()), *([self.tagger] if self.tagger else ()))
