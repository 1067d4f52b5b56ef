"""What answers the page: models by name, loaded when first asked for, and a recording or a sentence understood."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.speech.audio import SAMPLE_RATE, probe, read_audio
from espnet_atat.speech.fbank import fbank

if TYPE_CHECKING:
    from espnet_atat.decode.cross_attention import Attention
    from espnet_atat.decode.result import Understanding

#: Alternatives shown.
NBEST = 4
#: Characters of a typed sentence.
MAX_CHARACTERS = 500


@dataclass(frozen=True)
class Answer:
    """What was understood.

    Attributes:
        results: best first.
        attention: of the best one; None where nothing was heard.
        features: log mel features of the audio (num_frames, 80); None for text.
        pieces: of the text encoder's tokenizer; empty for audio.
    """

    results: "tuple[Understanding, ...]"
    attention: "Attention | None" = None
    features: np.ndarray | None = None
    pieces: tuple[str, ...] = ()


class Engine:
    """Loads models and asks them. Threads may share it.

    Args:
        models: name to package, folder of a training run, or hub name.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        max_seconds: longer recordings are refused.
    """

    def __init__(self, models: Mapping[str, str], device: str = "cpu", max_seconds: float = 30.0):
        self.models = dict(models)
        self.device = device
        self.max_seconds = max_seconds
        self._made: dict[tuple[str, ...], Any] = {}
        self._making = threading.Lock()

    def load(self, model: str) -> Any:
        """The model in memory, for every task.

        Raises:
            UserError: there is no such model, or it cannot be loaded.
        """
        from espnet_atat.decode.pretrained import load_pretrained

        if model not in self.models:
            raise UserError(f"there is no model {model!r} here: choose one of {', '.join(self.models)}")
        return self._once((model,), lambda: load_pretrained(self.models[model], self.device))

    def hear(self, model: str, task: str, path: str | Path) -> Answer:
        """Understand a recording.

        Raises:
            UserError: not audio, too long or too short, or a model that cannot listen.
        """
        from espnet_atat.decode.cross_attention import speech_attention
        from espnet_atat.decode.understand import Speech2Understand

        try:
            info = probe(path)
        except UserError as error:
            raise UserError(
                f"{Path(path).name} cannot be read as audio; take a recording in WAV, FLAC, Ogg or MP3"
            ) from error
        if info.samples > self.max_seconds * info.rate:
            raise UserError(
                f"The recording is {info.samples / info.rate:.0f} s long; "
                f"at most {self.max_seconds:g} s are taken at once"
            )
        samples = read_audio(path, resample=True)
        pretrained = self.load(model)
        understand = self._once(
            (model, "speech", task),
            lambda: Speech2Understand.from_pretrained(
                pretrained, task=task, nbest=NBEST, max_seconds=self.max_seconds, word_times=False
            ),
        )
        results = understand.nbest([samples], SAMPLE_RATE)[0]
        features = fbank(samples)
        if not results[0].tokens:
            return Answer(tuple(results), None, features)
        source = features if pretrained.trained.model.frontend is None else samples
        attention = speech_attention(pretrained.trained, source, task, results[0].tokens)
        return Answer(tuple(results), attention, features)

    def read(self, model: str, text: str) -> Answer:
        """Understand a typed sentence.

        Raises:
            UserError: no word in it, too long, or a model that cannot read.
        """
        from espnet_atat.decode.cross_attention import text_attention
        from espnet_atat.decode.understand import Text2Understand
        from espnet_atat.semantics.normalise import normalise_words

        words = normalise_words(text)
        if not words:
            raise UserError("Type a sentence first: there is no word in the field.")
        if len(text) > MAX_CHARACTERS:
            raise UserError(f"The sentence has {len(text)} characters; at most {MAX_CHARACTERS} are taken at once")
        pretrained = self.load(model)
        understand = self._once(
            (model, "text"), lambda: Text2Understand.from_pretrained(pretrained, task="nlu", nbest=NBEST)
        )
        results = understand.nbest([words], normalise=False)[0]
        trained = pretrained.trained
        ids = trained.text_pieces(words)
        attention = text_attention(trained, ids, "nlu", results[0].tokens)
        return Answer(tuple(results), attention, None, tuple(trained.text_tokenizer.convert_ids_to_tokens(ids)))

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Make something at the first call; others wait for it."""
        with self._making:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]
