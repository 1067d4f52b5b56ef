"""A system with one seed and fold, and all that stages 7 to 13 make for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from espnet_atat.config.audio_choice import check_unheard
from espnet_atat.config.system import System, TestSet, results_folder, run_label
from espnet_atat.config.two_stage import ASR
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import Machines
from espnet_atat.graph.node import Node, with_needs
from espnet_atat.steps.pipelines import TaggedHypotheses, tagger_node
from espnet_atat.steps.plan import Training, plan_training
from espnet_atat.steps.stage12_decode import Decoding, Hypotheses


@dataclass(frozen=True, kw_only=True, eq=False)
class SystemRun:
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
        return run_label(self.seed, self.fold)

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

    def nodes(self) -> list[Node]:
        """All that is made before its hypotheses, in the order of making."""
        return with_needs(node for each in self.hypotheses for node in each.needs)

    @cached_property
    def hypotheses(self) -> tuple[Hypotheses, ...]:
        """What is decoded: every set with every inference configuration."""
        pairs = [(config, test) for config in self.system.decode for test in self.tests]
        if self.tagger is None:
            return tuple(self.decoding(config, test) for config, test in pairs)
        return tuple(
            TaggedHypotheses(owner=self, config_name=name, test=test, tagger=self.tagger) for name, test in pairs
        )

    @property
    def decodings(self) -> list[Decoding]:
        """Those of the hypotheses that a search of its own model gives."""
        return [each for each in self.hypotheses if isinstance(each, Decoding)]

    def decoding(self, config: str, test: TestSet, **options: object) -> Decoding:
        """A set decoded with an inference configuration; options in place of its own give a folder of their own."""
        return Decoding(owner=self, config_name=config, test=test, training=model_of(self), options=options)

    def check(self) -> None:
        """Find mistakes now, not after hours of training."""
        self.check_voices()
        for node in (*self.nodes(), *(each.node for each in self.hypotheses)):
            if not node.is_done:
                _ = node.key
                node.check()

    def check_voices(self) -> None:
        """Refuse test audio of an engine that training heard."""
        learnt = [part for step in (self.training.chain if self.training else ()) for part in step.mixtures.train]
        check_unheard(self.system.listening, (part.set for part in learnt if part.source == "speech"))


def plan_system(
    system: System,
    seed: int,
    fold: int | None = None,
    machines: Machines | None = None,
    *,
    dev: bool = False,
    nj: int = 1,
) -> SystemRun:
    """What a system is made of, from its files: it needs no data."""
    of_fold = system.of_fold(fold)
    trains = system.first_stage is None or system.first_stage.kind == ASR
    return SystemRun(
        system=of_fold,
        seed=seed,
        fold=fold,
        tests=of_fold.dev if dev else of_fold.test,
        training=plan_training(system, seed, fold, machines or Machines(), nj) if trains else None,
        tagger=None if of_fold.pipeline is None else tagger_node(of_fold.pipeline, seed),
        nj=nj,
    )


def model_of(run: SystemRun) -> Training:
    """The model of a run that searches trees: a pipeline has none."""
    if run.tagger is not None or run.training is None:
        raise UserError(f"system {run.system.name} is a pipeline of two models: it has no search of trees of its own")
    return run.training
