"""A system, one row of a table, as its YAML file says (tables: ``table_file``).

``egs2/atat/<recipe>/systems/<name>.yaml``::

    title: AT-AT zero-shot, from text alone
    tokens: tokens                                       # conf/tokens.yaml; this is the default
    lm: lm                                               # conf/lm.yaml, the default; read where lm_weight is above 0
    pretrain: {config: pretrain, mixture: pretrain}      # conf/pretrain.yaml, conf/mixtures/pretrain.yaml;
                                                         # mini/pretrain is that of another recipe
    finetune: {config: finetune_zeroshot, mixture: books_text, options: {max_epoch: 5}}      # optional; its options
                                                         # stand in place of the configuration's, those that are
                                                         # mappings key by key. With
                                                         # keep: [audio_encoder], all else starts fresh;
                                                         # grow_bpe: true, or {size: 500, pieces_per_word: 3},
                                                         # gives words of many pieces new ones (text.growth)
    decode: [decode, decode_tree]                        # conf/*.yaml; the first one's figures lead
    dev: [{set: mini/books_dev, task: nlu}]              # decoded only where asked for: to choose a configuration
    test: [{set: mini/books_test, task: nlu}]
                                                         # a set may be an order of several (recipe.listening)
    pretrain_slu: [top/train, custom/music_train]        # what fills that place of the mixture (recipe.pretrain_slu)
    hypothesis: frame                                    # or tags: FSC's 3-tuple
    seeds: [1]
    folds: 5                                             # then "snips/close_fold{fold}_test" is a set, in mixtures too

A two-stage pipeline has ``pipeline`` and ``first_stage`` in place of ``decode`` (``pipeline_file``).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from espnet_atat.errors import UserError
from espnet_atat.recipe.fields import fields_of, list_of
from espnet_atat.recipe.layout import load_yaml, system_file
from espnet_atat.recipe.listening import AudioChoice, choose_audio
from espnet_atat.recipe.pipeline_file import FirstStage, Pipeline, first_stage_of, pipeline_of
from espnet_atat.recipe.runs import Run
from espnet_atat.recipe.system_check import check_system
from espnet_atat.text.growth import BPEGrowth
from espnet_atat.text.vocabulary import task_token

SOURCES = ("speech", "text_in")
#: The embedding's rows: where a fine-tuning takes them over, its token list is the old one, grown.
EMBEDDING = "decoder.embed.0.pretrained"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Pretraining or fine-tuning.

    Attributes:
        config: name of a training configuration.
        mixture: name of a mixture file.
        model: file of the run that the next phase and decoding take; None: of its ``best_model_criterion``.
        options: of training, in place of the configuration's; mappings key by key.
        keep: of a fine-tuning: names or dotted prefixes of the parameters that it takes over; all else starts fresh.
            None: all of them.
        grow_bpe: of a fine-tuning that keeps the embedding: also give new pieces to words of many old ones.
    """

    config: str
    mixture: str
    model: str | None = None
    options: Mapping[str, Any] | None = None
    keep: tuple[str, ...] | None = None
    grow_bpe: BPEGrowth | None = None

    def keeps(self, name: str) -> bool:
        """Whether a parameter, or all parameters below a prefix, are taken over."""
        return self.keep is None or any(name == kept or name.startswith(f"{kept}.") for kept in self.keep)

    @property
    def keeps_embedding(self) -> bool:
        """Whether the token list is the parent's, grown."""
        return self.keeps(EMBEDDING)


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """What is decoded.

    Attributes:
        set: ``recipe/name``.
        task: the label that the decoder starts from, or several joined by ``+`` (see ``decode.config``).
        source: ``speech`` or ``text_in``; None: speech where the set has any.
    """

    __test__ = False  # no test case, whatever pytest makes of the name

    set: str
    task: str
    source: str | None = None

    @property
    def name(self) -> str:
        """The set's name without its recipe."""
        return self.set.rpartition("/")[2]

    def name_of_fold(self, fold: int | None) -> str:
        """The name with its fold filled in, or without one: of all folds together."""
        if fold is None:
            return self.name.replace("_fold{fold}", "").replace("{fold}", "")
        return self.name.replace("{fold}", str(fold))


@dataclass(frozen=True, kw_only=True)
class System:
    """One row of a table.

    Attributes:
        pretrain: None: nothing of the system is trained to hear (a pipeline over the words of others).
        decode: inference configurations; of a pipeline, what its first stage is called in their place.
        pretrain_slu: sets whose slu and nlu pretraining takes; None: what is prepared.
        listening: of the sets in ``dev`` and ``test``, those that were chosen of several.
        overrides: options of the driver that changed what the file says, for commands to print.
    """

    recipe: str
    name: str
    title: str
    pretrain: Phase | None = None
    test: tuple[TestSet, ...]
    tokens: str = "tokens"
    lm: str = "lm"
    finetune: Phase | None = None
    pipeline: Pipeline | None = None
    first_stage: FirstStage | None = None
    decode: tuple[str, ...] = ("decode",)
    dev: tuple[TestSet, ...] = ()
    hypothesis: str = "frame"
    seeds: tuple[int, ...] = (1,)
    folds: int | None = None
    pretrain_slu: tuple[str, ...] | None = None
    listening: tuple[AudioChoice, ...] = ()
    overrides: tuple[str, ...] = ()

    def growing_bpe(self, wanted: bool | None) -> Self:
        """The system with the BPE model of its fine-tuning grown or not; None: as its file says.

        A token list that is not grown at all, because there is no fine-tuning or it starts afresh, stays as it is.
        """
        phase = self.finetune
        if wanted is None or phase is None or not phase.keeps_embedding:
            return self
        growth = (phase.grow_bpe or BPEGrowth()) if wanted else None
        option = f"--grow_bpe {str(wanted).lower()}"
        return replace(self, finetune=replace(phase, grow_bpe=growth), overrides=(*self.overrides, option))

    def of_fold(self, fold: int | None) -> Self:
        """The system with ``{fold}`` filled in.

        Raises:
            UserError: a fold that the system has not.
        """
        if (fold is None) != (self.folds is None) or (fold is not None and not 1 <= fold <= (self.folds or 0)):
            has = "no folds" if self.folds is None else f"the folds 1 to {self.folds}"
            raise UserError(f"system {self.name} has {has}; asked for {fold}")

        def fill(tests: tuple[TestSet, ...]) -> tuple[TestSet, ...]:
            return tuple(replace(test, set=test.set.replace("{fold}", str(fold))) for test in tests)

        pipeline = self.pipeline.of_fold(fold) if self.pipeline is not None else None
        return replace(self, dev=fill(self.dev), test=fill(self.test), pipeline=pipeline)


@dataclass(frozen=True, kw_only=True)
class Planned(ABC):
    """A system with one seed and, in a cross validation, one fold."""

    system: System
    seed: int
    fold: int | None

    @property
    @abstractmethod
    def needs(self) -> tuple[Run, ...]:
        """Runs that stage 12 reads."""

    @property
    def reads_foreign_words(self) -> bool:
        """Whether a recogniser that was not trained here hears for it."""
        return self.system.first_stage is not None and self.system.first_stage.is_foreign

    @property
    def label(self) -> str:
        """``seed1``, ``seed1_fold2``."""
        return run_label(self.seed, self.fold)


def run_label(seed: int, fold: int | str | None) -> str:
    """The folder of a system's results."""
    return f"seed{seed}" + (f"_fold{fold}" if fold is not None else "")


def load_system(recipe: str, name: str) -> System:
    """Read a system.

    Raises:
        UserError: no such system (the known ones are listed), an unknown or missing key, or a value of another kind.
    """
    path = system_file(recipe, name)
    content = load_yaml(path)
    fields = fields_of(
        System, content, str(path), given={"recipe": recipe, "name": name, "overrides": (), "listening": ()}
    )
    for key in ("pretrain", "finetune"):
        if fields.get(key) is not None:
            fields[key] = _phase(fields[key], f"{path}: {key}")
    for key in ("dev", "test"):
        entries = enumerate(list_of(fields.get(key, []), f"{path}: {key}"), 1)
        found = [_test_set(entry, f"{path}: {key}, entry {number}") for number, entry in entries]
        fields[key] = tuple(test for test, _ in found)
        fields["listening"] += tuple(choice for _, choice in found if choice is not None)
    for key, read in (("pipeline", pipeline_of), ("first_stage", first_stage_of)):
        if fields.get(key) is not None:
            fields[key] = read(fields[key], f"{path}: {key}")
    if fields.get("first_stage") is not None:
        if "decode" in content:
            raise UserError(f"{path}: decode is not of a pipeline, whose words come by its first_stage: leave it out")
        fields["decode"] = [fields["first_stage"].folder]
    fields["decode"] = tuple(map(str, list_of(fields.get("decode", ["decode"]), f"{path}: decode")))
    if fields.get("pretrain_slu") is not None:
        fields["pretrain_slu"] = tuple(map(str, list_of(fields["pretrain_slu"], f"{path}: pretrain_slu")))
    fields["seeds"] = tuple(_seeds(fields.get("seeds", [1]), f"{path}: seeds"))
    folds = fields.get("folds")
    if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int) or folds < 2):
        raise UserError(f"{path}: folds is a whole number from 2, found {folds!r}")
    system = System(**fields)
    check_system(system, path)
    return system


def _phase(content: object, where: str) -> Phase:
    phase = Phase(**fields_of(Phase, content, where))
    if phase.options is not None and not isinstance(phase.options, Mapping):
        raise UserError(f"{where}: options is a mapping of training options, found {phase.options!r}")
    phase = replace(phase, grow_bpe=_growth(phase.grow_bpe, where))
    if phase.keep is None:
        return phase
    keep = list_of(phase.keep, f"{where}: keep")
    if not keep or not all(isinstance(name, str) and name for name in keep):
        raise UserError(f"{where}: keep is a list of parameters' names or prefixes, as [audio_encoder], found {keep!r}")
    return replace(phase, keep=tuple(keep))


def _growth(value: object, where: str) -> BPEGrowth | None:
    """``true`` is the defaults, ``false`` or nothing is None."""
    if value is None or isinstance(value, bool):
        return BPEGrowth() if value else None
    fields = fields_of(BPEGrowth, value, f"{where}: grow_bpe")
    try:
        return BPEGrowth(**fields)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _seeds(value: object, where: str) -> list[int]:
    seeds = list_of(value, where)
    if not seeds or not all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds):
        raise UserError(f"{where}: is a list of whole numbers, found {value!r}")
    return seeds


def _test_set(entry: object, where: str) -> tuple[TestSet, AudioChoice | None]:
    choice = None
    if isinstance(entry, Mapping) and isinstance(entry.get("set"), Mapping):
        choice = choose_audio(entry["set"], where)
        entry = {**entry, "set": choice.set, "source": "speech"}
    test = TestSet(**fields_of(TestSet, entry, where))
    try:
        for task in test.task.split("+"):
            task_token(task)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    if "/" not in test.set:
        raise UserError(f"{where}: set is recipe/name, found {test.set!r}")
    if test.source not in (None, *SOURCES):
        raise UserError(f"{where}: source is one of {', '.join(SOURCES)}, found {test.source!r}")
    return test, choice
