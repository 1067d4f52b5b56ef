"""Stage 12 of a pipeline over Whisper's words: ``exp/runs/whisper-<model>-<set>-<hash>/words``, utterance id and words.

Pipelines over the same model share what it hears in a set; it is the same with every seed.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from espnet_atat.config.layout import DATA, DUMP, short
from espnet_atat.config.pipeline import FirstStage
from espnet_atat.config.system import TestSet
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.recipe.fingerprint import features_digest, file_digest
from espnet_atat.recipe.runs import Run

#: In a folder in CTranslate2's format: the weights.
WEIGHTS = "model.bin"


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """What Whisper hears in a set.

    Attributes:
        model: its size, a folder or a hub's name.
        language: of the speech.
        set: ``recipe/name``.
    """

    model: str
    language: str
    set: str
    run: Run

    @property
    def words_file(self) -> Path:
        return self.run.folder / "words"


def plan_hearing(first_stage: FirstStage, test: TestSet) -> Hearing:
    """The run of a set.

    Raises:
        UserError: the set has no audio, or is not in ``dump/`` yet.
    """
    weights = Path(first_stage.value) / WEIGHTS
    identity = {
        "kind": "words",
        "whisper": first_stage.value,
        "language": first_stage.language,
        "set": test.set,
        "data": features_digest(DUMP / test.set),
        **({"weights": file_digest(weights)} if weights.is_file() else {}),
    }
    run = Run(f"whisper-{short(first_stage.value)}-{test.name}", identity)
    return Hearing(model=first_stage.value, language=first_stage.language, set=test.set, run=run)


def hear(hearing: Hearing) -> None:
    """Let Whisper listen to what stage 6 kept of a set.

    Raises:
        UserError: faster-whisper or the model is not installed (says how to mend it), or audio that cannot be read.
    """
    from espnet_atat.baselines.first_stage import Whisper, whisper_transcripts

    start = time.monotonic()
    with hearing.run.open():
        whisper = Whisper(hearing.model, hearing.language)
        words = whisper_transcripts(DATA / hearing.set, whisper, kept_text(hearing.set).keys())
        write_two_column(hearing.words_file, words)
        hearing.run.finish(time.monotonic() - start, utterances=len(words))
    print(f"  wrote {hearing.words_file}: {len(words)} utterances, {time.monotonic() - start:.1f} s")


def kept_text(name: str) -> dict[str, str]:
    """Utterance id → text, of what stage 6 kept of a set (``recipe/name``)."""
    return read_two_column(DUMP / name / "text")
