"""A system with one seed and fold, and all that stages 7 to 13 make of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from espnet_atat.config.audio_choice import check_unheard
from espnet_atat.config.system import System, TestSet, run_label
from espnet_atat.config.two_stage import ASR, FirstStage, Pipeline
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import Machines
from espnet_atat.graph.node import Node
from espnet_atat.steps.pipelines import Tagger, Tagging
from espnet_atat.steps.plan import Training, plan_training
from espnet_atat.steps.stage08_language_model import LMTraining
from espnet_atat.steps.stage12_decode import Decoding, Hypotheses


@dataclass(frozen=True, kw_only=True, eq=False)
class SystemRun(ABC):
    """A system with one seed and, in a cross validation, one fold.

    Attributes:
        system: ``{fold}`` filled in.
        tests: the sets that are decoded: its test sets, or its dev sets.
        nj: processes of decoding a large set.
    """

    system: System
    seed: int
    fold: int | None
    tests: Sequence[TestSet]
    nj: int = 1

    @property
    def label(self) -> str:
        """``seed1``, ``seed1_fold2``."""
        return run_label(self.seed, self.fold)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.system.name}/{self.label}"

    @property
    @abstractmethod
    def training(self) -> Training | None:
        """The last phase of the model that it trains."""

    @property
    @abstractmethod
    def needs(self) -> tuple[Node, ...]:
        """The runs that decoding reads."""

    @abstractmethod
    def nodes(self) -> Iterator[Node]:
        """All that is made before its hypotheses, in the order of making."""

    @cached_property
    @abstractmethod
    def hypotheses(self) -> tuple[Hypotheses, ...]:
        """What is decoded: every set with every inference configuration."""

    def check(self) -> None:
        """Find mistakes now, not after hours of training.

        Raises:
            UserError: a set or a file is not there, or contradicts another.
        """
        for node in (*self.nodes(), *(each.node for each in self.hypotheses)):
            if not node.is_done:
                _ = node.key
                node.check()


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelRun(SystemRun):
    """A system whose hypotheses are searched by a model of its own."""

    final: Training

    @property
    def training(self) -> Training:
        return self.final

    @property
    def needs(self) -> tuple[Node, ...]:
        return (self.final.run,)

    @cached_property
    def hypotheses(self) -> tuple[Decoding, ...]:
        return tuple(self.decoding(config, test) for config in self.system.decode for test in self.tests)

    def decoding(self, config: str, test: TestSet, **options: object) -> Decoding:
        """A set decoded with an inference configuration.

        Args:
            options: of the search, in place of the configuration's; the result then has a folder of its own.
        """
        return Decoding(
            system=self.system,
            seed=self.seed,
            fold=self.fold,
            config_name=config,
            test=test,
            nj=self.nj,
            training=self.final,
            options=options,
        )

    def nodes(self) -> Iterator[Node]:
        yield from self.final.nodes
        for decoding in self.hypotheses:
            yield from _language_model_nodes(decoding.language_model)

    def check(self) -> None:
        self.check_voices()
        super().check()

    def check_voices(self) -> None:
        """Refuse test audio of an engine that training heard.

        Raises:
            UserError: names both sets and the engine.
        """
        learnt = [part for step in self.final.chain for part in step.mixtures.train]
        check_unheard(self.system.listening, (part.set for part in learnt if part.source == "speech"))


@dataclass(frozen=True, kw_only=True, eq=False)
class PipelineRun(SystemRun):
    """A two-stage pipeline: a tagger over the words of a first stage.

    Attributes:
        asr: the model whose words are read; None where they are another's.
    """

    pipeline: Pipeline
    first_stage: FirstStage
    asr: Training | None

    @cached_property
    def tagger(self) -> Tagger:
        return Tagger(pipeline=self.pipeline, seed=self.seed)

    @property
    def training(self) -> Training | None:
        return self.asr

    @property
    def needs(self) -> tuple[Node, ...]:
        return (*((self.asr.run,) if self.asr else ()), self.tagger.run)

    @cached_property
    def hypotheses(self) -> tuple[Tagging, ...]:
        return tuple(
            Tagging(
                system=self.system,
                seed=self.seed,
                fold=self.fold,
                config_name=self.first_stage.folder,
                test=test,
                nj=self.nj,
                first_stage=self.first_stage,
                tagger=self.tagger,
                asr=self.asr,
            )
            for test in self.tests
        )

    def nodes(self) -> Iterator[Node]:
        if self.asr is not None:
            yield from self.asr.nodes
        yield self.tagger.run
        for tagging in self.hypotheses:
            if isinstance(tagging.words, Decoding):
                yield from _language_model_nodes(tagging.words.language_model)
            if tagging.words_node is not None:
                yield tagging.words_node


def _language_model_nodes(planned: LMTraining | None) -> Iterator[Node]:
    if planned is not None:
        yield from (planned.tokens, planned.run)


def plan_system(
    system: System,
    seed: int,
    fold: int | None = None,
    machines: Machines | None = None,
    *,
    dev: bool = False,
    nj: int = 1,
) -> SystemRun:
    """What a system is made of, from its files alone: no data need be there.

    Args:
        dev: decode the dev sets in place of the test sets.

    Raises:
        UserError: a file that the system names is missing or wrong, or it has no such fold.
    """
    of_fold = system.of_fold(fold)
    common: dict[str, Any] = {
        "system": of_fold,
        "seed": seed,
        "fold": fold,
        "tests": of_fold.dev if dev else of_fold.test,
        "nj": nj,
    }
    pipeline, first_stage = of_fold.pipeline, of_fold.first_stage
    if pipeline is None or first_stage is None:
        return ModelRun(final=plan_training(system, seed, fold, machines or Machines(), nj), **common)
    asr = plan_training(system, seed, fold, machines or Machines(), nj) if first_stage.kind == ASR else None
    return PipelineRun(pipeline=pipeline, first_stage=first_stage, asr=asr, **common)


def model_of(run: SystemRun) -> ModelRun:
    """The run, which has a model that searches trees.

    Raises:
        UserError: it is a pipeline.
    """
    if not isinstance(run, ModelRun):
        raise UserError(f"system {run.system.name} is a pipeline of two models: it has no search of trees of its own")
    return run
