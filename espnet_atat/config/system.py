"""A system: one row of a table, as it is run. docs/tables.md shows every key."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from espnet_atat.config.audio_choice import AudioChoice, choose_audio
from espnet_atat.config.layout import EXP, FOLD, TTS, conf_file, filled, load_config, merged, short
from espnet_atat.config.recipe import Mixture, load_recipe
from espnet_atat.config.rows import PHASES, row_content, start_of
from espnet_atat.config.two_stage import ASR, ORACLE, FirstStage, Pipeline
from espnet_atat.data.mixture import TREE_TASKS, TaskLabels
from espnet_atat.errors import UserError
from espnet_atat.schema import Within, read
from espnet_atat.speech.synthesis.engines import EngineName
from espnet_atat.text.growth import BPEGrowth

#: The embedding's rows: where a fine-tuning takes them over, its token list is the old one, grown.
EMBEDDING = "decoder.embed.0.pretrained"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Pretraining or fine-tuning.

    Attributes:
        model: file of the run that the next phase and decoding take; None: of its ``best_model_criterion``.
        options: of training, in place of the configuration's; mappings key by key.
        keep: of a fine-tuning: names or dotted prefixes of the parameters that it takes over; all else starts fresh.
            None: all of them.
        grow_bpe: of a fine-tuning that keeps the embedding: also give new pieces to words of many old ones. ``true``
            is the defaults.
    """

    config: str
    mixture: str | Mixture
    model: str | None = None
    options: Mapping[str, Any] | None = None
    keep: tuple[str, ...] | None = None
    grow_bpe: BPEGrowth | None = None

    @staticmethod
    def expand(content: Any) -> Any:
        """``grow_bpe: true`` or ``false``."""
        growth = content.get("grow_bpe") if isinstance(content, Mapping) else None
        return {**content, "grow_bpe": {} if growth else None} if isinstance(growth, bool) else content

    def __post_init__(self) -> None:
        if self.keep is not None and not all(self.keep or [""]):
            raise UserError(f"keep names parameters or prefixes, as [audio_encoder], found {list(self.keep)!r}")
        if self.grow_bpe is not None and not self.keeps_embedding:
            raise UserError("grow_bpe goes with the old embedding; without it the token list is new")

    def keeps(self, name: str) -> bool:
        """Whether a parameter, or all parameters below a prefix, are taken over."""
        return self.keep is None or any(name == kept or name.startswith(f"{kept}.") for kept in self.keep)

    @property
    def keeps_embedding(self) -> bool:
        """Whether the token list is the parent's, grown."""
        return self.keeps(EMBEDDING)


@dataclass(frozen=True, kw_only=True)
class TestSet(TaskLabels):
    """What is decoded.

    Attributes:
        set: ``recipe/name``.
        task: the label that the decoder starts from, or several joined by ``+``.
        source: None: speech where the set has any.
    """

    __test__ = False  # no test case, whatever pytest makes of the name

    set: str
    task: str
    source: Literal["speech", "text_in"] | None = None

    def __post_init__(self) -> None:
        self.check_labels()
        if "/" not in self.set:
            raise UserError(f"set is recipe/name, found {self.set!r}")

    @property
    def name(self) -> str:
        """The set's name without its recipe."""
        return short(self.set)

    def name_of_fold(self, fold: int | None) -> str:
        """The name with its fold filled in, or without one: of all folds together."""
        if fold is None:
            return self.name.replace(f"_fold{FOLD}", "").replace(FOLD, "")
        return self.name.replace(FOLD, str(fold))


@dataclass(frozen=True, kw_only=True)
class System:
    """One row of a table.

    Attributes:
        pretrain: None: nothing of the system is trained to hear (a pipeline over the words of others).
        tokens, lm: names of configurations of stages 7 and 8, or their options.
        decode: inference configurations, the first one's figures lead; of a pipeline, what its first stage is called.
        dev: decoded only where asked for: to choose a configuration.
        vad_margin: of the packed model: seconds that stay around the speech it finds, as much as its training heard;
            None: little.
        hypothesis: what counts as the same: the frame, or the tags (FSC's three).
        folds: of a cross validation; then ``snips/close_fold{fold}_test`` is a set, in mixtures too.
        tts_engine: of its synthetic speech; None: none of its sets has ``{tts}`` in its name.
        pretrain_slu: sets whose slu and nlu pretraining takes; None: what is prepared.
        audio_choices: of the sets in ``dev`` and ``test``, those that were chosen of several.
        overrides: options of the command line that changed what the file says, for commands to print.
        row: its file and name, which a message about it begins with.
    """

    recipe: str
    name: str
    title: str
    pretrain: Phase | None = None
    finetune: Phase | None = None
    test: tuple[TestSet, ...]
    dev: tuple[TestSet, ...] = ()
    decode: tuple[str, ...] = ("decode",)
    tokens: str | Mapping[str, Any] = "tokens"
    lm: str | Mapping[str, Any] = "lm"
    pipeline: Pipeline | None = None
    first_stage: FirstStage | None = None
    vad_margin: Annotated[float, Within(0, 60)] | None = None
    hypothesis: Literal["frame", "tags"] = "frame"
    seeds: tuple[int, ...] = (1,)
    folds: int | None = None
    tts_engine: EngineName | None = None
    pretrain_slu: tuple[str, ...] | None = None
    audio_choices: tuple[AudioChoice, ...] = ()
    overrides: tuple[str, ...] = ()
    row: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        names = [test.name for test in (*self.dev, *self.test)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise UserError(f"the set {twice[0]} is decoded twice: results would lie in one folder; make two rows")
        if self.pretrain is not None and (self.pretrain.keep is not None or self.pretrain.grow_bpe is not None):
            raise UserError("pretrain: keep and grow_bpe apply to finetune only: there is nothing to take over here")
        if not self.test or not self.decode:
            raise UserError("test and decode must not be empty")
        if foreign := [name for name in self.decode if "/" in name]:
            raise UserError(f"decode: {foreign[0]!r} cannot name a folder of results: copy that configuration")
        if not self.seeds or min(self.seeds) < 0:
            raise UserError(f"seeds are whole numbers from 0, found {list(self.seeds)}")
        if self.folds is not None and self.folds < 2:
            raise UserError(f"folds is a whole number from 2, found {self.folds}")
        self._check_pipeline()

    def _check_pipeline(self) -> None:
        """Check that the keys of a pipeline go together: what trains a model, what writes words, what reads them."""
        if self.first_stage is not None and self.vad_margin is not None:
            raise UserError("vad_margin applies only to packages, and a pipeline is not packed")
        if (self.pipeline is None) != (self.first_stage is None):
            raise UserError("pipeline and first_stage go together: one is given without the other")
        if self.first_stage is None or self.first_stage.kind == ASR:
            if self.pretrain is None:
                raise UserError("the key 'pretrain' is missing")
        elif self.pretrain is not None or self.finetune is not None:
            raise UserError(f"pretrain and finetune go with first_stage: asr; {self.first_stage.kind} trains no model")
        if self.first_stage is None or self.pipeline is None:
            return
        if self.folds is None and any(FOLD in name for name in self.pipeline.data):
            raise UserError("pipeline: data has {fold} in it, but the system has no folds")
        for test in (*self.dev, *self.test):
            if test.task not in TREE_TASKS:
                raise UserError(f"{test.set}: a pipeline writes trees: task is slu or nlu, found {test.task}")
            if test.source == "text_in" and self.first_stage.kind != ORACLE:
                raise UserError(
                    f"{test.set}: {self.first_stage.kind} hears speech; text_in goes with first_stage: oracle"
                )

    @property
    def packed_search(self) -> Mapping[str, Any]:
        """Options of the search that a package of the system has: of the configuration whose figures lead."""
        search = load_config(conf_file(self.recipe, self.decode[0]))
        return search if self.vad_margin is None else {**search, "vad_margin": self.vad_margin}

    def of_fold(self, fold: int | None) -> Self:
        """The system with ``{fold}`` filled in."""
        if (fold is None) != (self.folds is None) or (fold is not None and not 1 <= fold <= (self.folds or 0)):
            has = "no folds" if self.folds is None else f"the folds 1 to {self.folds}"
            raise UserError(f"system {self.name} has {has}; asked for {fold}")
        return self if fold is None else filled(self, FOLD, str(fold))


def load_system(
    recipe: str, name: str, changes: Mapping[str, Any] | None = None, overrides: tuple[str, ...] = ()
) -> System:
    """Read a row, with ``changes`` that the options ``overrides`` of the command line say in place of the file.

    Raises:
        UserError: names the file and the row; of a mistake that a row inherits, the row that makes it.
    """
    where, content = row_content(recipe, name)
    where += f" with {' '.join(overrides)}" if overrides else ""
    with inherited_mistakes(recipe, name, where, load_system):
        return _read_system(recipe, name, where, dict(merged(content, changes) if changes else content), overrides)


@contextmanager
def inherited_mistakes(recipe: str, name: str, where: str, check: Callable[[str, str], object]) -> Iterator[None]:
    """If the row's base has the same mistake, raise the error that ``check`` gives for the base.

    ``where`` is what the row's own errors begin with.
    """
    try:
        yield
    except UserError as error:
        if base := start_of(recipe, name):
            try:
                check(*base)
            except UserError as of_base:
                if str(of_base).endswith(str(error).removeprefix(where)):
                    raise of_base from error
        raise


def _read_system(recipe: str, name: str, where: str, content: dict[str, Any], overrides: tuple[str, ...]) -> System:
    content = _of_engine(recipe, content)
    choices: list[AudioChoice] = []
    for key in ("dev", "test"):
        if isinstance(content.get(key), list):
            entries = enumerate(content[key], 1)
            content[key] = [_chosen(entry, f"{where}: {key}, entry {number}", choices) for number, entry in entries]
    if content.get("first_stage") is not None:
        if content.get("decode") is not None:
            raise UserError(
                f"{where}: decode does not apply to a pipeline, whose words come from its first_stage: leave it out"
            )
        content["decode"] = [read(FirstStage, content["first_stage"], f"{where}: first_stage").folder]
    given = {"recipe": recipe, "name": name, "audio_choices": tuple(choices), "overrides": overrides, "row": where}
    system = read(System, content, where, **given)
    if (system.folds is None) == any(FOLD in test.set for test in system.test):
        raise UserError(f"{where}: 'folds' and test sets with {{fold}} go together: one is given without the other")
    return system


def _of_engine(recipe: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A row with ``{tts}`` filled in; a mixture that has it is spelled out."""
    spelled = dict(content)
    for key in PHASES:
        phase = content.get(key)
        if isinstance(phase, Mapping) and isinstance(name := phase.get("mixture"), str):
            owner, _, own = name.rpartition("/")
            mixture = load_recipe(owner or recipe).mixtures.get(own)
            if mixture is not None and TTS in str(mixture):
                said = {"name": own, "train": list(mixture.train), "valid": list(mixture.valid)}
                spelled[key] = {**phase, "mixture": said}
    if TTS not in str(spelled):
        return {**content, "tts_engine": None}
    spelled["tts_engine"] = spelled.get("tts_engine") or load_recipe(recipe).synthesize.engine
    return dict(filled(spelled, TTS, str(spelled["tts_engine"])))


def _chosen(entry: object, where: str, choices: list[AudioChoice]) -> object:
    """A test set's entry, where it names several sets the one to take."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("set"), Mapping):
        return entry
    choices.append(choose_audio(entry["set"], where))
    return {**entry, "set": choices[-1].set, "source": "speech"}


def results_folder(recipe: str, system: str, seed: int, fold: int | str | None) -> Path:
    """Where the results of a system with one seed and fold lie; without a fold, those of all folds pooled."""
    return EXP / recipe / system / (f"seed{seed}" if fold is None else f"seed{seed}_fold{fold}")
