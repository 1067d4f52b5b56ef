"""Stage 12: hypotheses of every test set, and the references that they are scored against."""

import dataclasses
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_atat.atomic import atomic_write
from espnet_atat.data.mixture import TREE_TASKS
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.recipe.fingerprint import digest, features_digest, file_digest
from espnet_atat.recipe.language_model import LMTraining, plan_language_model
from espnet_atat.recipe.layout import DATA, DUMP, EXP, conf_file, load_yaml
from espnet_atat.recipe.logs import log_to
from espnet_atat.recipe.plan import SystemRun, heard_words
from espnet_atat.recipe.system import Planned, TestSet

if TYPE_CHECKING:
    from espnet_atat.decode.trained import Trained

#: Written last, with the fingerprint of what the hypotheses were made from.
STAMP = "decoded"
#: From so many utterances on, several processes are worth the 15 s that each takes to start.
PARALLEL_FROM = 1000
#: Entries of a score's ``info`` that are files in runs: what the hypotheses rest on.
MODEL_KEYS = ("model", "asr_model", "words", "language_model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hypotheses(ABC):
    """What one system makes of one set in one way.

    Attributes:
        config_name: of the inference configuration; of a pipeline's first stage.
        folder: ``exp/<recipe>/<system>/seed<N>[_fold<K>]/<inference config>/<set>``.
        made_from: fingerprint of model, configuration and data.
    """

    run: Planned
    config_name: str
    test: TestSet
    folder: Path
    made_from: str

    @property
    def is_done(self) -> bool:
        """Whether ``ref`` and ``hyp`` are there, of this model, configuration and data."""
        stamp = self.folder / STAMP
        return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == self.made_from

    @property
    @abstractmethod
    def origin(self) -> dict[str, str]:
        """What the hypotheses come from, as ``metrics.json`` says it; values of ``MODEL_KEYS`` are files of runs."""

    @property
    @abstractmethod
    def heard(self) -> set[str] | None:
        """The words of all audio that the system was trained on; None where nobody here knows them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding(Hypotheses):
    """One set decoded by one model with one inference configuration.

    Attributes:
        config: options of the search.
        language_model: where the configuration gives it a weight.
    """

    run: SystemRun
    config: Mapping[str, Any]
    language_model: LMTraining | None = None

    @property
    def origin(self) -> dict[str, str]:
        found = {"model": str(self.run.final.model_file)}
        if self.language_model is not None:
            found["language_model"] = str(self.language_model.model_file)
        selection = self.run.final.first.mixtures.selection
        return found if selection is None else found | selection.info

    @property
    def heard(self) -> set[str]:
        return heard_words(self.run.final)


def system_folder(recipe: str, system: str, label: str) -> Path:
    """``exp/<recipe>/<system>/<seed and fold>``."""
    return EXP / recipe / system / label


def plan_decoding(run: SystemRun, config_name: str, test: TestSet) -> Decoding:
    """What decoding a set is, without doing it."""
    config = load_yaml(conf_file(run.system.recipe, config_name))
    return _plan(run, config_name, config, test)


def plan_variant(run: SystemRun, config_name: str, test: TestSet, **options: Any) -> Decoding:
    """The same with other values of some options, in a folder of its own: ``decode_lm.lm_weight0.1``."""
    config = {**load_yaml(conf_file(run.system.recipe, config_name)), **options}
    name = ".".join((config_name, *(f"{key}{value}" for key, value in options.items())))
    return _plan(run, name, config, test)


def _plan(run: SystemRun, name: str, config: Mapping[str, Any], test: TestSet) -> Decoding:
    language_model = plan_language_model(run, test) if config.get("lm_weight") else None
    dump = DUMP / test.set
    owner = test.set.partition("/")[0]
    if owner != run.system.recipe and not dump.is_dir():
        raise UserError(
            f"{dump}: not there, and system {run.system.name} is tested on it: ./run.sh --recipe {owner} --stop_stage 6"
            " prepares that corpus"
        )
    made_from = digest(
        {
            "model": run.final.run.key,
            "file": run.final.model,
            "config": config,
            "test": dataclasses.asdict(test),
            "data": file_digest(dump / "text") if source_of(test) == "text_in" else features_digest(dump),
            "reference": sorted(references(test).items()),
            **({"language_model": language_model.run.key} if language_model else {}),
        }
    )
    folder = system_folder(run.system.recipe, run.system.name, run.label) / name / test.name
    return Decoding(
        run=run,
        config_name=name,
        config=config,
        test=test,
        folder=folder,
        made_from=made_from,
        language_model=language_model,
    )


def source_of(test: TestSet) -> str:
    """``speech`` or ``text_in``: what the system file says, else speech where the set has any."""
    folder = DUMP / test.set
    heard = any((folder / name).is_file() for name in ("feats.scp", "wav.scp"))
    return test.source or ("speech" if heard else "text_in")


def references(test: TestSet) -> dict[str, str]:
    """The prepared test set's whole target list, whatever became of its audio since."""
    name = "target" if test.task.split("+")[0] in TREE_TASKS else "text"
    return read_two_column(DATA / test.set / name)


def load_trained(run: SystemRun) -> "Trained":
    """The system's model."""
    from espnet_atat.decode.trained import Trained

    return Trained.load(*_model_files(run))


def decode(decoding: Decoding, trained: "Trained", nj: int) -> None:
    """Decode one set and write ``ref``, ``hyp`` and, last, the stamp.

    Raises:
        UserError: a reference was decoded by no hypothesis though stage 6 did not report it as dropped.
    """
    from espnet_atat.decode.decode_set import decode_set, decode_set_parallel, load_models, write_results
    from espnet_atat.decode.lm_fusion import LanguageModel
    from espnet_atat.decode.search_config import SearchConfig
    from espnet_atat.decode.source import Source

    start = time.monotonic()
    options = dict(decoding.config)
    batch_size = int(options.pop("batch_size", 16))
    try:
        config = SearchConfig(**options, task=decoding.test.task)
    except TypeError as error:
        raise UserError(f"inference configuration {decoding.config_name}: {error}") from error
    dump = DUMP / decoding.test.set
    utterances = Source.of_dump(dump, source_of(decoding.test))
    begin(decoding)
    with log_to(decoding.folder / "decode.log"):
        if nj > 1 and len(utterances.entries) >= PARALLEL_FROM:
            loader = partial(load_models, *_model_files(decoding.run), **_lm_files(decoding))
            results = decode_set_parallel(loader, utterances, config, batch_size=batch_size, nj=nj)
        else:
            files = _lm_files(decoding)
            language_model = LanguageModel.load(trained.vocabulary, *files.values()) if files else None
            results = decode_set(trained, utterances, config, batch_size=batch_size, language_model=language_model)
    write_results(results, decoding.folder, config.nbest)
    conclude(decoding, start)


def begin(planned: Hypotheses) -> None:
    """Make the folder; what it holds of an earlier time is no longer taken for finished."""
    planned.folder.mkdir(parents=True, exist_ok=True)
    (planned.folder / STAMP).unlink(missing_ok=True)


def conclude(planned: Hypotheses, start: float) -> None:
    """Once ``hyp`` is there: write ``ref``, count dropped utterances as wrong, and write the stamp.

    Args:
        start: of the work, by ``time.monotonic()``.

    Raises:
        UserError: a reference has no hypothesis though stage 6 did not report it as dropped.
    """
    wanted = references(planned.test)
    missing = _add_dropped(planned, wanted)
    write_two_column(planned.folder / "ref", wanted)
    with atomic_write(planned.folder / STAMP) as handle:
        handle.write(f"{planned.made_from}\n")
    print(
        f"  {planned.folder}: {len(wanted) - missing} of {len(wanted)} utterances"
        + (f", {missing} without usable audio count as wrong" if missing else "")
        + f", {time.monotonic() - start:.1f} s"
    )


def _model_files(run: SystemRun) -> tuple[str, str]:
    return str(run.final.run.folder / "config.yaml"), str(run.final.model_file)


def _lm_files(decoding: Decoding) -> dict[str, str]:
    """Of the language model, by the names of ``load_models``; empty where there is none.

    Raises:
        UserError: it is not trained yet.
    """
    planned = decoding.language_model
    if planned is None:
        return {}
    if not planned.run.is_done:
        raise UserError(
            f"{planned.run.folder} is not there or not finished, and {decoding.folder} needs it: run stage 8"
        )
    return {"lm_train_config": str(planned.train_config), "lm_file": str(planned.model_file)}


def _add_dropped(planned: Hypotheses, wanted: Mapping[str, str]) -> int:
    """Give utterances that stage 6 dropped an empty hypothesis; returns their number."""
    hyp = read_two_column(planned.folder / "hyp")
    missing = sorted(wanted.keys() - hyp.keys())
    if not missing:
        return 0
    report = DUMP / planned.test.set / "report.json"
    dropped = json.loads(report.read_text(encoding="utf-8"))["dropped"] if report.is_file() else {}
    if unexplained := [utt_id for utt_id in missing if utt_id not in dropped]:
        raise UserError(
            f"{DUMP / planned.test.set}: lacks {unexplained[0]}, which {DATA / planned.test.set} has: redo stage 6"
        )
    write_two_column(planned.folder / "hyp", hyp | dict.fromkeys(missing, ""))
    return len(missing)
