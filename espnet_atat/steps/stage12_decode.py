"""Stage 12: hypotheses of every test set, and the references that they are scored against."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espnet_atat.config.layout import DATA, DUMP, conf_file, has_audio, load_config
from espnet_atat.config.system import TestSet
from espnet_atat.data.targets import targets_of
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import features_digest, file_digest
from espnet_atat.graph.logs import log_to
from espnet_atat.graph.node import Identity, Node
from espnet_atat.report.glance import ATTENTION_FILE, first_right
from espnet_atat.stages import Stage
from espnet_atat.steps.plan import PlannedTrial, Training
from espnet_atat.steps.stage08_language_model import LMTraining
from espnet_atat.strict_json import read_json
from espnet_atat.text.tokenizer import target_words

if TYPE_CHECKING:
    from espnet_atat.decode.lm_fusion import LanguageModel
    from espnet_atat.decode.trained import Trained

#: Sets with fewer utterances are decoded in one process: starting another takes longer than it saves.
PARALLEL_FROM = 1000
#: Among the facts of hypotheses: how many of them the search cut at the most tokens that it allows.
CUT = "cut"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Hypotheses(ABC):
    """What a system makes of one set in one way: ``hyp`` and ``ref`` in one folder.

    Attributes:
        config_name: of the inference configuration; of a pipeline's first stage.
    """

    owner: PlannedTrial
    config_name: str
    test: TestSet

    @property
    def folder(self) -> Path:
        """``exp/<recipe>/<system>/seed<N>[_fold<K>]/<inference config>/<set>``."""
        return self.owner.folder / self.config_name / self.test.name

    @cached_property
    def node(self) -> Node:
        """The folder with ``ref`` and ``hyp``."""
        return Node(
            stage=Stage.DECODE,
            at=self.folder,
            identify=self.identify,
            make=self.make,
            needs=self.needs,
            about=f"{self.test.set} ({self.test.task})",
        )

    @property
    def dump(self) -> Path:
        """The set as stage 6 left it for this system."""
        return DUMP / self.test.set

    @property
    @abstractmethod
    def needs(self) -> tuple[Node, ...]: ...

    @abstractmethod
    def identify(self) -> Identity: ...

    @abstractmethod
    def make(self, work: Path) -> Mapping[str, Any]: ...

    @property
    @abstractmethod
    def origin(self) -> dict[str, str]:
        """What the hypotheses come from, as ``metrics.json`` has it (``metrics_file.MODEL_KEYS``)."""

    @property
    @abstractmethod
    def heard(self) -> set[str] | None:
        """The words of all audio that the system was trained on; None where they are not known here."""

    def data_identity(self) -> Identity:
        return {"test": dataclasses.asdict(self.test), "reference": sorted(references(self.test).items())}

    def conclude(self, work: Path) -> Mapping[str, Any]:
        """Once ``hyp`` is written: write ``ref``, and give utterances that stage 6 dropped an empty hypothesis."""
        wanted, hyp = references(self.test), read_two_column(work / "hyp")
        if foreign := sorted(hyp.keys() - wanted.keys()):
            raise UserError(f"{self.dump}: has {foreign[0]}, which {DATA / self.test.set} lacks: redo stage 6")
        if missing := sorted(wanted.keys() - hyp.keys()):
            report = self.dump / "report.json"
            dropped = read_json(report)["dropped"] if report.is_file() else {}
            if unexplained := [utt_id for utt_id in missing if utt_id not in dropped]:
                raise UserError(f"{self.dump}: lacks {unexplained[0]}, which {DATA / self.test.set} has: redo stage 6")
            write_two_column(work / "hyp", hyp | dict.fromkeys(missing, ""))
        write_two_column(work / "ref", wanted)
        wrong = f", {len(missing)} without usable audio count as wrong" if missing else ""
        print(f"  {self.folder}: {len(wanted) - len(missing)} of {len(wanted)} utterances{wrong}")
        return {"utterances": len(wanted), "without_audio": len(missing)}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Decoding(Hypotheses):
    """One set decoded by the model of a last phase with one inference configuration.

    Attributes:
        options: of the search, in place of the configuration's.
        within: folder of the result, where it is not the system's own.
    """

    training: Training
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    within: Path | None = None

    @property
    def folder(self) -> Path:
        if self.within is not None:
            return self.within
        name = ".".join((self.config_name, *(f"{key}{value}" for key, value in self.options.items())))
        return self.owner.folder / name / self.test.name

    @cached_property
    def config(self) -> dict[str, Any]:
        return {**load_config(conf_file(self.owner.system.recipe, self.config_name)), **self.options}

    @cached_property
    def language_model(self) -> LMTraining | None:
        """Where the configuration gives it a weight."""
        if not self.config.get("lm_weight"):
            return None
        return LMTraining(system=self.owner.system, training=self.training, trees=self.test.wants_trees)

    @property
    def needs(self) -> tuple[Node, ...]:
        return (self.training.run, *((self.language_model.run,) if self.language_model else ()))

    @property
    def dump(self) -> Path:
        return self.training.dump / self.test.set

    def identify(self) -> Identity:
        dump = self.dump
        owner = self.test.set.partition("/")[0]
        if owner != self.owner.system.recipe and not dump.is_dir():
            raise UserError(
                f"{dump} does not exist, and system {self.owner.system.name} is tested on it: ./run.sh --recipe "
                f"{owner} --stop_stage 6 prepares that corpus"
            )
        return {
            "model": self.training.run.key,
            "file": self.training.model,
            "config": self.config,
            "data": file_digest(dump / "text") if source_of(self.test) == "text_in" else features_digest(dump),
            **self.data_identity(),
            **({"language_model": self.language_model.run.key} if self.language_model else {}),
            **({"lexicon": file_digest(Path(lexicon))} if (lexicon := self.config.get("lexicon")) else {}),
        }

    @cached_property
    def attention(self) -> Node | None:
        """Where the model looked in one utterance, heard and read; None of one not trained to listen and to read.

        It shows the first utterance whose tree is right; the arrays of the file are those of ``report.glance.Glance``.
        """
        if not (self.test.wants_trees and source_of(self.test) == "speech" and _hears_and_reads(self.training)):
            return None
        return Node(
            stage=Stage.DECODE,
            at=self.folder / ATTENTION_FILE,
            identify=lambda: {"kind": "attention", "decoding": self.node.key},
            make=partial(_look, self),
            needs=(self.node, self.training.run),
            is_file=True,
        )

    @property
    def origin(self) -> dict[str, str]:
        found = {"model": str(self.training.model_file)}
        if self.language_model is not None:
            found["language_model"] = str(self.language_model.model_file)
        selection = self.training.first.mixtures.selection
        return found if selection is None else found | selection.info

    @property
    def heard(self) -> set[str]:
        """The words of the transcripts of all audio that the system was trained on, pretraining included."""
        parts = [part for step in self.training.chain for part in step.mixtures.train if part.source == "speech"]
        return {word for target in targets_of(parts, DUMP) for word in target_words(target)}

    def make(self, work: Path) -> Mapping[str, Any]:
        from espnet_atat.decode.decode_set import count_cut, decode_set, write_results
        from espnet_atat.decode.lm_fusion import load_models
        from espnet_atat.decode.search_config import read_search
        from espnet_atat.decode.source import Source
        from espnet_atat.model.precision import device_here

        config, batch_size = read_search(self.config, f"inference configuration {self.config_name}", self.test.task)
        utterances = Source.of_dump(self.dump, source_of(self.test))
        files = {}
        if (planned := self.language_model) is not None:
            files = {"lm_train_config": str(planned.train_config), "lm_file": str(planned.model_file)}
        device = device_here(self.training.machines.ngpu)
        with log_to(work / "decode.log"):
            nj = self.owner.nj if device == "cpu" and len(utterances.entries) >= PARALLEL_FROM else 1
            here = partial(self._load, device, files)
            load = partial(load_models, *model_files(self.training), **files) if nj > 1 else here
            results = decode_set(load, utterances, config, batch_size=batch_size, nj=nj)
        write_results(results, work, config.nbest)
        if cut := count_cut(results):
            print(f"  {cut} hypotheses were cut (maxlen); see decode.log")
        return {**self.conclude(work), CUT: cut}

    def _load(self, device: str, lm_files: Mapping[str, str]) -> "tuple[Trained, LanguageModel | None]":
        """The models, in this process, which may have decoded with them before."""
        from espnet_atat.decode.lm_fusion import LanguageModel

        trained = load_trained(*model_files(self.training), device)
        if not lm_files:
            return trained, None
        return trained, LanguageModel.load(trained.vocabulary, lm_files["lm_train_config"], lm_files["lm_file"], device)


def source_of(test: TestSet) -> str:
    """``speech`` or ``text_in``: what the row says, else speech where the set has any."""
    return test.source or ("speech" if has_audio(test.set) else "text_in")


def references(test: TestSet) -> dict[str, str]:
    """The prepared test set's whole target list, whatever became of its audio since."""
    name = "target" if test.wants_trees else "text"
    return read_two_column(DATA / test.set / name)


def model_files(training: Training) -> tuple[str, str]:
    return str(training.run.place / "config.yaml"), str(training.model_file)


@lru_cache(maxsize=1)  # sets of one system are decoded one after the other
def load_trained(train_config: str, model_file: str, device: str) -> "Trained":
    """The model that was decoded with last is kept."""
    from espnet_atat.decode.trained import Trained

    return Trained.load(train_config, model_file, device)


def _hears_and_reads(model: Training) -> bool:
    """Whether the model has both encoders and examples taught both: a text encoder that read nothing shows nothing."""
    sources = {part.source for step in model.chain for part in step.mixtures.train}
    return model.config.get("text_encoder", "hugging_face") is not None and sources == {"speech", "text_in"}


def _look(decoding: Decoding, work: Path) -> Mapping[str, Any]:
    from espnet_atat.decode.decode_set import heard_and_read
    from espnet_atat.decode.search_config import SearchConfig
    from espnet_atat.decode.source import Source

    dump = DUMP / decoding.test.set
    source = Source.of_dump(decoding.dump, "speech")
    references = read_two_column(decoding.folder / "ref")
    utt_id = first_right(references, read_two_column(decoding.folder / "hyp"), source.entries)
    # The same search once more, for its tokens; without a language model, which does not look at the utterance.
    options = {key: value for key, value in decoding.config.items() if key not in ("batch_size", "lm_weight")}
    config = SearchConfig(**options, task=decoding.test.task)
    text = read_two_column(dump / "text")[utt_id]
    seen = Source.of_dump(dump, "speech")
    trained = load_trained(*model_files(decoding.training), "cpu")
    arrays = heard_and_read(trained, source, utt_id, text, config, seen=seen)
    np.savez_compressed(work / ATTENTION_FILE, utt_id=utt_id, reference=references[utt_id], **arrays)
    return {"utt_id": utt_id}
