"""A system, one row of a table, as its YAML file says (tables: ``table_file``).

``egs2/atat/<recipe>/systems/<name>.yaml``::

    title: AT-AT zero-shot, from text alone
    tokens: tokens                                       # conf/tokens.yaml; this is the default
    lm: lm                                               # conf/lm.yaml, the default; read where lm_weight is above 0
    pretrain: {config: pretrain, mixture: pretrain}      # conf/pretrain.yaml, conf/mixtures/pretrain.yaml;
                                                         # mini/pretrain is that of another recipe
    finetune: {config: finetune_zeroshot, mixture: books_text, options: {max_epoch: 5}}      # optional; its options
                                                         # stand in place of the configuration's. With
                                                         # keep: [audio_encoder], all else starts fresh;
                                                         # grow_bpe: true, or {size: 500, pieces_per_word: 3},
                                                         # gives words of many pieces new ones (text.growth)
    decode: [decode, decode_tree]                        # conf/*.yaml; the first one's figures lead
    dev: [{set: mini/books_dev, task: nlu}]              # decoded only where asked for: to choose a configuration
    test: [{set: mini/books_test, task: nlu}]
    hypothesis: frame                                    # or tags: FSC's 3-tuple
    seeds: [1]
    folds: 5                                             # then "snips/close_fold{fold}_test" is a set, in mixtures too
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from espnet_atat.errors import UserError
from espnet_atat.recipe.layout import load_yaml, system_file
from espnet_atat.text.growth import BPEGrowth
from espnet_atat.text.vocabulary import task_token

SOURCES = ("speech", "text_in")
HYPOTHESES = ("frame", "tags")
#: The embedding's rows: where a fine-tuning takes them over, its token list is the old one, grown.
EMBEDDING = "decoder.embed.0.pretrained"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Pretraining or fine-tuning.

    Attributes:
        config: name of a training configuration.
        mixture: name of a mixture file.
        model: file of the run that the next phase and decoding take; None: of its ``best_model_criterion``.
        options: of training, in place of the configuration's.
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
        overrides: options of the driver that changed what the file says, for commands to print.
    """

    recipe: str
    name: str
    title: str
    pretrain: Phase
    test: tuple[TestSet, ...]
    tokens: str = "tokens"
    lm: str = "lm"
    finetune: Phase | None = None
    decode: tuple[str, ...] = ("decode",)
    dev: tuple[TestSet, ...] = ()
    hypothesis: str = "frame"
    seeds: tuple[int, ...] = (1,)
    folds: int | None = None
    overrides: tuple[str, ...] = ()

    def growing_bpe(self, wanted: bool | None) -> Self:
        """The system with the BPE model of its fine-tuning grown or not; None: as its file says.

        A token list that is not grown at all, because there is no fine-tuning or it starts afresh, stays as it is.
        """
        phase = self.finetune
        if wanted is None or phase is None or not phase.keeps(EMBEDDING):
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

        return replace(self, dev=fill(self.dev), test=fill(self.test))


def load_system(recipe: str, name: str) -> System:
    """Read a system.

    Raises:
        UserError: no such system (the known ones are listed), an unknown or missing key, or a value of another kind.
    """
    path = system_file(recipe, name)
    fields = fields_of(System, load_yaml(path), str(path), given={"recipe": recipe, "name": name, "overrides": ()})
    for key in ("pretrain", "finetune"):
        if fields.get(key) is not None:
            fields[key] = _phase(fields[key], f"{path}: {key}")
    for key in ("dev", "test"):
        entries = enumerate(list_of(fields.get(key, []), f"{path}: {key}"), 1)
        fields[key] = tuple(_test_set(entry, f"{path}: {key}, entry {number}") for number, entry in entries)
    fields["decode"] = tuple(map(str, list_of(fields.get("decode", ["decode"]), f"{path}: decode")))
    fields["seeds"] = tuple(_seeds(fields.get("seeds", [1]), f"{path}: seeds"))
    folds = fields.get("folds")
    if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int) or folds < 2):
        raise UserError(f"{path}: folds is a whole number from 2, found {folds!r}")
    system = System(**fields)
    _check(system, path)
    return system


def fields_of(kind: type, content: object, where: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of a YAML file as arguments of a dataclass.

    Raises:
        UserError: an unknown key, or a missing one.
    """
    given = given or {}
    fields = [field for field in dataclasses.fields(kind) if field.name not in given]
    names = [field.name for field in fields]
    if not isinstance(content, Mapping):
        raise UserError(f"{where}: wants the keys {', '.join(names)}, found {content!r}")
    if unknown := sorted(map(str, content.keys() - set(names))):
        raise UserError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(names)}")
    for field in fields:
        wanted = field.default is field.default_factory is dataclasses.MISSING
        if wanted and content.get(field.name) is None:
            raise UserError(f"{where}: the key {field.name!r} is missing")
        value = content.get(field.name)
        if field.type in (str, str | None) and value is not None and not isinstance(value, str):
            raise UserError(f"{where}: {field.name} is a name or a text, found {value!r}")
    return {**given, **content}


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


def list_of(value: object, where: str) -> list[Any]:
    """The value, which is a list.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, list):
        raise UserError(f"{where}: is a list, found {value!r}")
    return value


def _seeds(value: object, where: str) -> list[int]:
    seeds = list_of(value, where)
    if not seeds or not all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds):
        raise UserError(f"{where}: is a list of whole numbers, found {value!r}")
    return seeds


def _test_set(entry: object, where: str) -> TestSet:
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
    return test


def _check(system: System, path: Path) -> None:
    names = [test.name for test in (*system.dev, *system.test)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(
            f"{path}: the set {twice[0]} is decoded twice: results would lie in one folder; make two systems"
        )
    if system.pretrain.keep is not None:
        raise UserError(f"{path}: pretrain: keep is of finetune: a pretraining has nothing to take over")
    if system.pretrain.grow_bpe is not None:
        raise UserError(f"{path}: pretrain: grow_bpe is of finetune: a pretraining has a BPE model of its own")
    if system.finetune is not None and system.finetune.grow_bpe is not None and not system.finetune.keeps(EMBEDDING):
        raise UserError(f"{path}: finetune: grow_bpe goes with the old embedding; without it the token list is new")
    if not system.test or not system.decode:
        raise UserError(f"{path}: test and decode are not empty")
    if foreign := [name for name in system.decode if "/" in name]:
        raise UserError(f"{path}: decode: {foreign[0]!r} cannot name a folder of results: copy that configuration")
    if system.hypothesis not in HYPOTHESES:
        raise UserError(f"{path}: hypothesis is one of {', '.join(HYPOTHESES)}, found {system.hypothesis!r}")
    if (system.folds is None) == any("{fold}" in test.set for test in system.test):
        raise UserError(f"{path}: 'folds' and test sets with {{fold}} go together: one is there without the other")
