"""The two-stage pipeline as a system: a tagger predicts trees from the words of a first stage.

The tagger is trained in stage 11. The words come in stage 12: Whisper's of a set, which all pipelines over it share;
those of the system's own model, decoded into the folder ``asr`` of the seed; or those of a file.
"""

import dataclasses
import shutil
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from espnet_atat.baselines.bio import read_examples
from espnet_atat.baselines.config import check_tagger
from espnet_atat.baselines.first_stage import Whisper, check_whisper, read_transcripts, whisper_transcripts
from espnet_atat.baselines.pipeline import load_pipeline, train_tagger, understand
from espnet_atat.config.layout import DATA, DUMP, FOLD, filled, short
from espnet_atat.config.system import TestSet
from espnet_atat.config.two_stage import ASR, TRANSCRIPTS, WHISPER, FirstStage, Pipeline
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import features_digest, file_digest
from espnet_atat.graph.node import Identity, Node
from espnet_atat.semantics.tree import strip_tags
from espnet_atat.stages import Stage
from espnet_atat.steps.stage12_decode import CUT, Decoding, Hypotheses, references

#: In a tagger's run: its folder; in the run of what Whisper heard: the words.
TAGGER, WORDS = "tagger", "words"


def tagger_node(pipeline: Pipeline, seed: int) -> Node:
    """Stage 11: a tagger, ``exp/runs/<tagger>-<sets>[-seed<N>]-<hash>/tagger``.

    Pipelines that learn the same trees with the same options share it, whatever their first stage is.
    """
    config = pipeline.config(seed)
    data = [DUMP / name for name in pipeline.data]
    of_seed = f"-seed{seed}" if pipeline.has_seed else ""

    def identify() -> Identity:
        for folder in data:
            if (folder / "text").is_file() and not (folder / "target").is_file():
                raise UserError(f"{folder}: has no trees, and the tagger {pipeline.tagger} learns from trees")
        return {
            "kind": TAGGER,
            "tagger": pipeline.tagger,
            "options": dataclasses.asdict(config),
            "data": [{"set": name, "target": file_digest(DUMP / name / "target")} for name in pipeline.data],
            "pretrain_data": [
                {"set": name, "text": file_digest(DUMP / name / "text")} for name in pipeline.pretrain_data
            ],
        }

    def train(work: Path) -> Mapping[str, Any]:
        shutil.rmtree(work / TAGGER, ignore_errors=True)  # of an interrupted call
        utterances = train_tagger(data, work / TAGGER, config, [DUMP / name for name in pipeline.pretrain_data])
        parameters = load_pipeline(work / TAGGER).parameters
        print(f"  {pipeline.tagger}, {parameters} parameters, {utterances} utterances")
        return {"utterances": utterances, "parameters": parameters}

    def check() -> None:
        check_tagger(pipeline.tagger)
        read_examples(data, config.nested)

    return Node(
        stage=Stage.FINETUNE,
        name=f"{pipeline.tagger}-{'+'.join(map(short, pipeline.data))}{of_seed}",
        identify=identify,
        make=train,
        about=str(pipeline),
        check=check,
    )


def whisper_node(first_stage: FirstStage, test: TestSet) -> Node:
    """Stage 12: what Whisper hears in a set, with every seed: ``exp/runs/whisper-<model>-<set>-<hash>/words``."""
    model, language = first_stage.value, first_stage.language

    def identify() -> Identity:
        weights = Path(model) / "model.bin"  # of a folder in CTranslate2's format
        return {
            "kind": "words",
            "whisper": model,
            "language": language,
            "set": test.set,
            "data": features_digest(DUMP / test.set),
            **({"weights": file_digest(weights)} if weights.is_file() else {}),
        }

    def hear(work: Path) -> Mapping[str, Any]:
        words = whisper_transcripts(DATA / test.set, Whisper(model, language), kept_text(test.set).keys())
        write_two_column(work / WORDS, words)
        print(f"  {len(words)} utterances heard")
        return {"utterances": len(words)}

    return Node(
        stage=Stage.DECODE,
        name=f"whisper-{short(model)}-{test.name}",
        identify=identify,
        make=hear,
        about=f"{test.set} by {first_stage}",
        check=partial(check_whisper, model, language),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TaggedHypotheses(Hypotheses):
    """One set's trees, read off words by a tagger."""

    tagger: Node

    @property
    def first_stage(self) -> FirstStage:
        found = self.owner.system.first_stage
        assert found is not None
        return found

    @cached_property
    def asr(self) -> Decoding | None:
        """The search of the system's own model, where that writes the words."""
        if self.owner.training is None:
            return None
        return Decoding(
            owner=self.owner,
            config_name=self.first_stage.value,
            test=dataclasses.replace(self.test, task=ASR, source="speech"),
            training=self.owner.training,
            within=self.owner.folder / ASR / self.config_name / self.test.name,
        )

    @cached_property
    def words_node(self) -> Node | None:
        if self.first_stage.kind == WHISPER:
            return whisper_node(self.first_stage, self.test)
        return self.asr.node if self.asr else None

    @property
    def words_file(self) -> Path:
        if self.words_node is not None:
            return self.words_node.place / ("hyp" if self.asr else WORDS)
        if self.first_stage.kind == TRANSCRIPTS:
            path = filled(self.first_stage.value, "{set}", self.test.name)
            return Path(filled(filled(path, "{seed}", str(self.owner.seed)), FOLD, str(self.owner.fold)))
        return DATA / self.test.set / "text"

    @property
    def needs(self) -> tuple[Node, ...]:
        return (self.tagger, *((self.words_node,) if self.words_node else ()))

    def identify(self) -> Identity:
        if self.words_node is None and not self.words_file.is_file():
            name = self.owner.system.name
            raise UserError(
                f"{self.words_file}: no such file; the system {name} reads the words of {self.test.set} there"
            )
        return {
            "tagger": self.tagger.key,
            "words": self.words_node.key if self.words_node else file_digest(self.words_file),
            "data": file_digest(DUMP / self.test.set / "text"),
            **self.data_identity(),
        }

    @property
    def origin(self) -> dict[str, str]:
        found = {"first_stage": self.first_stage.kind, "model": str(self.tagger.place / TAGGER)}
        if self.asr is not None:
            of_asr = self.asr.origin
            return {**found, "asr_model": of_asr.pop("model"), **of_asr}
        return {**found, "words" if self.words_node else "transcripts": str(self.words_file)}

    @property
    def heard(self) -> set[str] | None:
        return self.asr.heard if self.asr else None

    def make(self, work: Path) -> Mapping[str, Any]:
        words = self._read_words()
        write_two_column(work / "transcripts", words)
        write_two_column(work / "hyp", understand(load_pipeline(self.tagger.place / TAGGER), words))
        facts = self.asr.node.facts if self.asr else {}
        return {**self.conclude(work), **({CUT: facts[CUT]} if CUT in facts else {})}

    def _read_words(self) -> dict[str, str]:
        """Utterance id → words, of what stage 6 kept; the rest is a dropped utterance's."""
        kept = kept_text(self.test.set).keys()
        if self.words_node is None:
            dropped = references(self.test).keys() - kept
            found = read_transcripts(self.words_file, DATA / self.test.set, may_lack=dropped)
        else:
            found = read_two_column(self.words_file)
        if self.asr is not None:
            # Under the label asr a model may still emit a tag now and then: it is no word.
            found = {utt_id: " ".join(strip_tags(line)) for utt_id, line in found.items()}
        return {utt_id: found[utt_id] for utt_id in sorted(kept & found.keys())}


def kept_text(name: str) -> dict[str, str]:
    """Utterance id → text, of what stage 6 kept of a set (``recipe/name``)."""
    return read_two_column(DUMP / name / "text")
