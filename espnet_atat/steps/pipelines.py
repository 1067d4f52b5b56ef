"""The two-stage pipeline as a system: trees that a tagger reads off the words of a first stage.

The tagger is trained in stage 11. The words come in stage 12: Whisper's of a set, which all pipelines over it share;
those of the system's own model, decoded into the folder ``asr`` of the seed; or those of a file.
"""

import dataclasses
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from espnet_atat.baselines.bio import read_examples
from espnet_atat.baselines.config import Config
from espnet_atat.baselines.needs import check_tagger, check_whisper
from espnet_atat.baselines.pipeline import load_pipeline, train_pipeline, understand
from espnet_atat.config.layout import DATA, DUMP, short
from espnet_atat.config.system import TestSet
from espnet_atat.config.two_stage import ASR, TRANSCRIPTS, WHISPER, FirstStage, Pipeline
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import features_digest, file_digest
from espnet_atat.graph.node import Identity, Node
from espnet_atat.semantics.tree import strip_tags
from espnet_atat.steps.plan import Training
from espnet_atat.steps.stage12_decode import CUT, Decoding, Hypotheses, references

#: In a tagger's run: its folder.
TAGGER = "tagger"
#: In a folder in CTranslate2's format: the weights.
WEIGHTS = "model.bin"
#: In the run of what Whisper heard.
WORDS = "words"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tagger:
    """Stage 11: a tagger, ``exp/runs/<tagger>-<sets>[-seed<N>]-<hash>/tagger``.

    Pipelines that learn the same trees with the same options share it, whatever their first stage is.

    Attributes:
        pipeline: what it learns from, ``{fold}`` filled in.
    """

    pipeline: Pipeline
    seed: int

    @cached_property
    def config(self) -> Config:
        return self.pipeline.config(self.seed)

    @cached_property
    def run(self) -> Node:
        sets = "+".join(map(short, self.pipeline.data))
        return Node(
            stage=11,
            name=f"{self.pipeline.tagger}-{sets}" + (f"-seed{self.seed}" if self.pipeline.has_seed else ""),
            identify=self._identity,
            make=self._train,
            about=str(self.pipeline),
            in_place=True,
            check=self._check,
        )

    @property
    def folder(self) -> Path:
        """Of the trained tagger."""
        return self.run.place / TAGGER

    def _identity(self) -> Identity:
        for folder in (DUMP / name for name in self.pipeline.data):
            if (folder / "text").is_file() and not (folder / "target").is_file():
                raise UserError(f"{folder}: has no trees, and the tagger {self.pipeline.tagger} learns from trees")
        return {
            "kind": TAGGER,
            "tagger": self.pipeline.tagger,
            "options": dataclasses.asdict(self.config),
            "data": [{"set": name, "target": file_digest(DUMP / name / "target")} for name in self.pipeline.data],
            "pretrain_data": [
                {"set": name, "text": file_digest(DUMP / name / "text")} for name in self.pipeline.pretrain_data
            ],
        }

    def _train(self, work: Path) -> Mapping[str, Any]:
        data, pretraining = (
            [DUMP / name for name in sets] for sets in (self.pipeline.data, self.pipeline.pretrain_data)
        )
        utterances = train_pipeline(data, work / TAGGER, self.config, pretraining)
        parameters = load_pipeline(work / TAGGER).parameters
        print(f"  wrote {self.folder}: {self.pipeline.tagger}, {parameters} parameters, {utterances} utterances")
        return {"utterances": utterances, "parameters": parameters}

    def _check(self) -> None:
        check_tagger(self.pipeline.tagger)
        read_examples([DUMP / name for name in self.pipeline.data])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class WhisperWords:
    """Stage 12: what Whisper hears in a set, with every seed: ``exp/runs/whisper-<model>-<set>-<hash>/words``."""

    first_stage: FirstStage
    test: TestSet

    @cached_property
    def run(self) -> Node:
        return Node(
            stage=12,
            name=f"whisper-{short(self.first_stage.value)}-{self.test.name}",
            identify=self._identity,
            make=self._hear,
            about=f"{self.test.set} by {self.first_stage}",
            check=partial(check_whisper, self.first_stage.value, self.first_stage.language),
        )

    @property
    def file(self) -> Path:
        return self.run.place / WORDS

    def _identity(self) -> Identity:
        weights = Path(self.first_stage.value) / WEIGHTS
        return {
            "kind": "words",
            "whisper": self.first_stage.value,
            "language": self.first_stage.language,
            "set": self.test.set,
            "data": features_digest(DUMP / self.test.set),
            **({"weights": file_digest(weights)} if weights.is_file() else {}),
        }

    def _hear(self, work: Path) -> Mapping[str, Any]:
        from espnet_atat.baselines.first_stage import Whisper, whisper_transcripts

        whisper = Whisper(self.first_stage.value, self.first_stage.language)
        words = whisper_transcripts(DATA / self.test.set, whisper, kept_text(self.test.set).keys())
        write_two_column(work / WORDS, words)
        print(f"  wrote {self.file}: {len(words)} utterances")
        return {"utterances": len(words)}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tagging(Hypotheses):
    """One set's trees, read off words by a tagger.

    Attributes:
        asr: the system's own model, where its words are read.
    """

    first_stage: FirstStage
    tagger: Tagger
    asr: Training | None = None

    @cached_property
    def words(self) -> Decoding | WhisperWords | Path:
        """How the words come about: a search of the system's own model, Whisper's run, or a file."""
        if self.asr is not None:
            return Decoding(
                system=self.system,
                seed=self.seed,
                fold=self.fold,
                config_name=self.first_stage.value,
                test=asr_test(self.test),
                nj=self.nj,
                training=self.asr,
                within=self.folder.parent.parent / ASR / self.config_name / self.test.name,
            )
        if self.first_stage.kind == WHISPER:
            return WhisperWords(first_stage=self.first_stage, test=self.test)
        if self.first_stage.kind == TRANSCRIPTS:
            return Path(self.first_stage.filled(set=self.test.name, seed=self.seed, fold=self.fold))
        return DATA / self.test.set / "text"

    @property
    def words_node(self) -> Node | None:
        """The words, where a stage makes them."""
        if isinstance(self.words, Path):
            return None
        return self.words.node if isinstance(self.words, Decoding) else self.words.run

    @property
    def needs(self) -> tuple[Node, ...]:
        return (self.tagger.run, *((self.words_node,) if self.words_node else ()))

    def identify(self) -> Identity:
        if isinstance(self.words, Path) and not self.words.is_file():
            raise UserError(
                f"{self.words}: no such file; the system {self.system.name} reads the words of {self.test.set} there"
            )
        return {
            "tagger": self.tagger.run.key,
            "words": file_digest(self.words) if isinstance(self.words, Path) else self.needs[-1].key,
            "data": file_digest(DUMP / self.test.set / "text"),
            **self.data_identity(),
        }

    @property
    def origin(self) -> dict[str, str]:
        found = {"first_stage": self.first_stage.kind, "model": str(self.tagger.folder)}
        if isinstance(self.words, Decoding):
            of_asr = self.words.origin
            return {**found, "asr_model": of_asr.pop("model"), **of_asr}
        if isinstance(self.words, WhisperWords):
            return {**found, "words": str(self.words.file)}
        return {**found, "transcripts": str(self.words)}

    @property
    def heard(self) -> set[str] | None:
        return self.words.heard if isinstance(self.words, Decoding) else None

    def make(self, work: Path) -> Mapping[str, Any]:
        words = self._read_words()
        write_two_column(work / "transcripts", words)
        write_two_column(work / "hyp", understand(load_pipeline(self.tagger.folder), words))
        facts = self.words.node.facts if isinstance(self.words, Decoding) else {}
        return {**self.conclude(work), **{key: facts[key] for key in (CUT,) if key in facts}}

    def _read_words(self) -> dict[str, str]:
        """Utterance id → words, of what stage 6 kept; the rest is a dropped utterance's."""
        kept = kept_text(self.test.set).keys()
        if isinstance(self.words, WhisperWords):
            found = read_two_column(self.words.file)
        elif isinstance(self.words, Path):
            from espnet_atat.baselines.first_stage import read_transcripts

            dropped = references(self.test).keys() - kept
            found = read_transcripts(self.words, DATA / self.test.set, may_lack=dropped)
        else:
            heard = read_two_column(self.words.folder / "hyp")
            # Under the label asr a model may still emit a tag now and then: it is no word.
            found = {utt_id: " ".join(strip_tags(line)) for utt_id, line in heard.items()}
        return {utt_id: found[utt_id] for utt_id in sorted(kept & found.keys())}


def asr_test(test: TestSet) -> TestSet:
    """A set as the pipeline's own model hears it."""
    return dataclasses.replace(test, task=ASR, source="speech")


def kept_text(name: str) -> dict[str, str]:
    """Utterance id → text, of what stage 6 kept of a set (``recipe/name``)."""
    return read_two_column(DUMP / name / "text")
