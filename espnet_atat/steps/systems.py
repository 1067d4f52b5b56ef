"""A system with one seed and fold, and all that stages 7 to 13 make for it."""

import dataclasses
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from espnet_atat.config.audio_choice import check_unheard
from espnet_atat.config.encoder_input import inherited_by_finetuning
from espnet_atat.config.mixtures import load_mixtures
from espnet_atat.config.pretrain_slu import PretrainingSets, choose_sets, takes_sets
from espnet_atat.config.system import System, TestSet
from espnet_atat.config.training import check_finetune, load_token_config, load_training_config
from espnet_atat.config.two_stage import ASR
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import Machines
from espnet_atat.graph.node import Node, with_needs
from espnet_atat.steps import stage07_tokens, stage09_training
from espnet_atat.steps.pipelines import TaggedHypotheses, tagger_node
from espnet_atat.steps.plan import PlannedTrial, Training
from espnet_atat.steps.stage12_decode import Decoding, Hypotheses


class TrainingRun(Training):
    """A training with what makes its nodes."""

    make_tokens = stage07_tokens.make_tokens
    collect_statistics = stage09_training.collect_statistics
    train = stage09_training.train


def plan_training(system: System, seed: int, fold: int | None, machines: Machines, nj: int = 1) -> Training:
    """The last phase of a system, with those before it."""
    assert system.pretrain is not None
    config = load_training_config(system.recipe, system.pretrain)
    selection, problem = None, None
    if takes_sets(system):
        try:
            selection = choose_sets(system)
        except UserError as error:
            selection, problem = PretrainingSets((), str(error)), error
    pretraining = TrainingRun(
        recipe=system.recipe,
        phase=system.pretrain,
        mixtures=load_mixtures(system.recipe, system.pretrain, fold, selection),
        config=config,
        token_config=load_token_config(system.recipe, system.tokens),
        seed=seed,
        machines=machines,
        nj=nj,
        problem=problem,
    )
    if system.finetune is None:
        return pretraining
    # What fine-tuning does not name is as it was in pretraining: the model is the same one.
    config = load_training_config(system.recipe, system.finetune, inherited_by_finetuning(config))
    check_finetune(system.finetune, config)
    mixtures = load_mixtures(system.recipe, system.finetune, fold)
    changed: dict[str, Any] = {"phase": system.finetune, "mixtures": mixtures, "config": config}
    return dataclasses.replace(pretraining, parent=pretraining, problem=None, **changed)


class Trial(PlannedTrial):
    """A system with one seed and fold, and all that is made of it."""

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
        check_unheard(self.system.audio_choices, (part.set for part in learnt if part.source == "speech"))


def plan_system(
    system: System,
    seed: int,
    fold: int | None = None,
    machines: Machines | None = None,
    *,
    dev: bool = False,
    nj: int = 1,
) -> Trial:
    """What a system is made of, from its files: it needs no data."""
    of_fold = system.of_fold(fold)
    trains = system.first_stage is None or system.first_stage.kind == ASR
    return Trial(
        system=of_fold,
        seed=seed,
        fold=fold,
        tests=of_fold.dev if dev else of_fold.test,
        training=plan_training(system, seed, fold, machines or Machines(), nj) if trains else None,
        tagger=None if of_fold.pipeline is None else tagger_node(of_fold.pipeline, seed),
        nj=nj,
    )


def model_of(trial: Trial) -> Training:
    """The model of a trial that searches trees: a pipeline has none."""
    if trial.tagger is not None or trial.training is None:
        raise UserError(f"system {trial.system.name} is a pipeline of two models: it has no search of trees of its own")
    return trial.training


def attention_nodes(trials: Iterable[Trial]) -> Iterator[Node]:
    """Where each system looked, by its first trial: its first set of speech with trees."""
    firsts: dict[str, Trial] = {}
    for trial in trials:
        firsts.setdefault(trial.system.name, trial)
    for trial in firsts.values():
        yield from [each.attention for each in trial.decodings if each.attention is not None][:1]
