"""The two-stage pipeline as a system: trees that a tagger reads off the words of a first stage (``config.pipeline``).

The tagger is trained in stage 11 (``taggers``), Whisper listens first in stage 12 (``hearing``), and the system's
own model, where its words are wanted, decodes into the folder ``asr`` below that of the trees.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from espnet_atat.baselines.bio import read_examples
from espnet_atat.baselines.needs import check_tagger, check_whisper
from espnet_atat.baselines.pipeline import load_pipeline, understand
from espnet_atat.config.layout import DATA, DUMP
from espnet_atat.config.pipeline import ASR, TRANSCRIPTS, WHISPER, FirstStage
from espnet_atat.config.system import System, TestSet
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.recipe.decoding import (
    Decoding,
    Hypotheses,
    begin,
    conclude,
    decode,
    load_trained,
    plan_decoding,
    references,
    system_folder,
)
from espnet_atat.recipe.fingerprint import digest, file_digest
from espnet_atat.recipe.hearing import Hearing, kept_text, plan_hearing
from espnet_atat.recipe.plan import SystemRun, heard_words, plan_system
from espnet_atat.recipe.planned import Planned
from espnet_atat.recipe.runs import Run
from espnet_atat.recipe.taggers import TaggerTraining, plan_tagger
from espnet_atat.semantics.tree import strip_tags


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineRun(Planned):
    """A pipeline with one seed and, in a cross validation, one fold.

    Attributes:
        first_stage: whose words are read.
        asr: the system's own model, which says them; None where they are another's.
    """

    first_stage: FirstStage
    tagger: TaggerTraining
    asr: SystemRun | None

    @property
    def needs(self) -> tuple[Run, ...]:
        return (*(self.asr.needs if self.asr else ()), self.tagger.run)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Understanding(Hypotheses):
    """One set's trees, read off words by a tagger.

    Attributes:
        words: how the words come about: a search of the system's own model, Whisper's run, or a file.
    """

    run: PipelineRun
    words: Decoding | Hearing | Path

    @property
    def origin(self) -> dict[str, str]:
        found = {"first_stage": self.run.first_stage.kind, "model": str(self.run.tagger.folder)}
        if isinstance(self.words, Decoding):
            of_asr = self.words.origin
            return {**found, "asr_model": of_asr.pop("model"), **of_asr}
        if isinstance(self.words, Hearing):
            return {**found, "words": str(self.words.words_file)}
        return {**found, "transcripts": str(self.words)}

    @property
    def heard(self) -> set[str] | None:
        return heard_words(self.run.asr.final) if self.run.asr else None


def plan_run(system: System, seed: int, fold: int | None = None) -> Planned:
    """Resolve a system of either kind.

    Raises:
        UserError: a file is missing or wrong, or a set is not in ``dump/`` yet, or has no trees to learn from.
    """
    if system.pipeline is None or system.first_stage is None:
        return plan_system(system, seed, fold)
    asr = plan_system(system, seed, fold) if system.first_stage.kind == ASR else None
    system = system.of_fold(fold)
    assert system.pipeline is not None
    assert system.first_stage is not None
    tagger = plan_tagger(system.pipeline, seed)
    return PipelineRun(system=system, seed=seed, fold=fold, first_stage=system.first_stage, tagger=tagger, asr=asr)


def plan_hypotheses(run: Planned, config_name: str, test: TestSet) -> Decoding | Understanding:
    """What stage 12 makes of a set, without doing it.

    Raises:
        UserError: a file of transcripts is not there.
    """
    if isinstance(run, SystemRun):
        return plan_decoding(run, config_name, test)
    assert isinstance(run, PipelineRun)
    return _plan_understanding(run, test)


def _plan_understanding(run: PipelineRun, test: TestSet) -> Understanding:
    config_name = run.first_stage.folder
    folder = system_folder(run.system.recipe, run.system.name, run.label) / config_name / test.name
    words, fingerprint = _plan_words(run, test, folder)
    made_from = digest(
        {
            "tagger": run.tagger.run.key,
            "words": fingerprint,
            "test": dataclasses.asdict(test),
            "data": file_digest(DUMP / test.set / "text"),
            "reference": sorted(references(test).items()),
        }
    )
    return Understanding(run=run, config_name=config_name, test=test, folder=folder, made_from=made_from, words=words)


def _plan_words(run: PipelineRun, test: TestSet, folder: Path) -> tuple[Decoding | Hearing | Path, str]:
    """How a set's words come about, and a fingerprint of them."""
    first_stage = run.first_stage
    if run.asr is not None:
        decoding = plan_decoding(run.asr, first_stage.value, asr_test(test))
        return dataclasses.replace(decoding, folder=folder / ASR), decoding.made_from
    if first_stage.kind == WHISPER:
        hearing = plan_hearing(first_stage, test)
        return hearing, hearing.run.key
    if first_stage.kind == TRANSCRIPTS:
        path = Path(first_stage.filled(set=test.name, seed=run.seed, fold=run.fold))
        if not path.is_file():
            raise UserError(f"{path}: no such file; the system {run.system.name} reads the words of {test.set} there")
        return path, file_digest(path)
    path = DATA / test.set / "text"
    return path, file_digest(path)


def asr_test(test: TestSet) -> TestSet:
    """A set as the pipeline's own model hears it."""
    return dataclasses.replace(test, task=ASR, source="speech")


def models_of(run: Planned, tests: Sequence[TestSet]) -> Iterator[tuple[SystemRun, Sequence[TestSet]]]:
    """The model that a system trains, if any, and the sets as this model decodes them."""
    if isinstance(run, SystemRun):
        yield run, tests
    elif isinstance(run, PipelineRun) and run.asr is not None:
        yield run.asr, [asr_test(test) for test in tests]


def taggers_of(run: Planned) -> list[TaggerTraining]:
    """The tagger that a system trains, if it is a pipeline."""
    return [run.tagger] if isinstance(run, PipelineRun) else []


def plan_hearings(run: Planned, tests: Iterable[TestSet]) -> list[Hearing]:
    """Sets that Whisper has to hear for a system."""
    if not isinstance(run, PipelineRun) or run.first_stage.kind != WHISPER:
        return []
    return [plan_hearing(run.first_stage, test) for test in tests]


def understand_set(planned: Understanding, nj: int, *, force: bool = False) -> None:
    """Write ``transcripts`` (the words), ``hyp`` (the trees), ``ref`` and, last, the stamp.

    Args:
        nj: processes of decoding a large set with the system's own model.
        force: let that model decode anew.

    Raises:
        UserError: an utterance has no words, or a word cannot stand in a tree.
    """
    start = time.monotonic()
    tagger = load_pipeline(planned.run.tagger.folder)  # before the minutes that a search may take
    words = _words(planned, nj, force=force)
    trees = understand(tagger, words)
    begin(planned)
    write_two_column(planned.folder / "transcripts", words)
    write_two_column(planned.folder / "hyp", trees)
    conclude(planned, start)


def _words(planned: Understanding, nj: int, *, force: bool) -> dict[str, str]:
    """Utterance id → words, of what stage 6 kept; the rest is a dropped utterance's."""
    kept = kept_text(planned.test.set).keys()
    if isinstance(planned.words, Hearing):
        found = read_two_column(planned.words.words_file)
    elif isinstance(planned.words, Path):
        from espnet_atat.baselines.first_stage import read_transcripts

        dropped = references(planned.test).keys() - kept
        found = read_transcripts(planned.words, DATA / planned.test.set, may_lack=dropped)
    else:
        if force or not planned.words.is_done:
            decode(planned.words, load_trained(planned.words.run), nj)
        heard = read_two_column(planned.words.folder / "hyp")
        # Under the label asr a model may still say a tag now and then: it is no word.
        found = {utt_id: " ".join(strip_tags(line)) for utt_id, line in heard.items()}
    return {utt_id: found[utt_id] for utt_id in sorted(kept & found.keys())}


def check_pipelines(runs: Iterable[Planned], tests_of: Callable[[System], Iterable[TestSet]]) -> None:
    """Find out now, not after hours of training, what stages 11 and 12 would stop at.

    Args:
        tests_of: the sets that a system is to understand.

    Raises:
        UserError: a package or Whisper's model is not installed, or trees that cannot be tagged.
    """
    for run in runs:
        for tagger in taggers_of(run):
            if not tagger.run.is_done:
                check_tagger(tagger.pipeline.tagger)
                read_examples(tagger.data_dirs)
        for hearing in plan_hearings(run, tests_of(run.system)):
            if not hearing.run.is_done:
                check_whisper(hearing.model, hearing.language)
