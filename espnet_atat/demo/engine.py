"""The models behind the page: loaded by name when first used, they understand a recording or a sentence."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.speech.audio import SAMPLE_RATE, convert_rate, open_audio, read_mono

if TYPE_CHECKING:
    from espnet_atat.decode.cross_attention import Attention
    from espnet_atat.decode.result import Understanding

#: Alternatives shown.
NBEST = 4
#: A recording may be so many times as long as what is understood at once.
MAX_SEGMENTS = 10
#: Characters of a typed sentence.
MAX_CHARACTERS = 500


@dataclass(frozen=True)
class Answer:
    """What was understood, best first, and where the decoder looked for the best one, if anything was heard.

    A recording that was understood in segments has one result, and no attention: there are several to look at.
    """

    results: "Sequence[Understanding]"
    attention: "Attention | None" = None
    features: np.ndarray | None = None  # of audio, log mel (num_frames, 80)
    pieces: Sequence[str] = ()  # of text


class LoadedModels:
    """Loads models and asks them. Threads may share it.

    Args:
        models: name to package, folder of a training run, or hub name.
        max_seconds: longer recordings are cut at their pauses, and the segments understood one by one.
    """

    def __init__(self, models: Mapping[str, str], device: str = "cpu", max_seconds: float = 30.0):
        self.models = dict(models)
        self.device = device
        self.max_seconds = max_seconds
        self._made: dict[tuple[str, ...], Any] = {}
        self._making = threading.Lock()

    def load(self, model: str) -> Any:
        """The model in memory, for every task."""
        from espnet_atat.decode.pretrained import load_pretrained

        if model not in self.models:
            raise UserError(f"there is no model {model!r}: choose one of {', '.join(self.models)}")
        return self._once((model,), lambda: load_pretrained(self.models[model], self.device))

    def hear(self, model: str, task: str, recording: bytes, name: str = "the recording") -> Answer:
        """Understand a recording: a file's bytes, in any format of libsndfile."""
        from espnet_atat.decode.cross_attention import speech_attention
        from espnet_atat.decode.understand import Speech2Understand
        from espnet_atat.speech.fbank import fbank  # imports SciPy, for which the page need not wait

        try:
            with open_audio("The recording", recording) as file:
                seconds, most = file.frames / file.samplerate, MAX_SEGMENTS * self.max_seconds
        except UserError as error:
            raise UserError(f"{name} cannot be read as audio; take a recording in WAV, FLAC, Ogg or MP3") from error
        if seconds > most:
            raise UserError(f"The recording is {seconds:.0f} s long; at most {most:g} s are accepted")
        samples = convert_rate(*read_mono("The recording", mixdown=True, content=recording))
        trained = self.load(model).trained
        options = {"task": task, "nbest": NBEST, "max_seconds": self.max_seconds, "word_times": False}
        understand = self._understand(Speech2Understand, model, options)
        results = understand.nbest([samples], SAMPLE_RATE)[0]
        features = fbank(samples)
        if not results[0].tokens or results[0].segments:
            return Answer(results, None, features)
        (segment,) = understand.segments(samples)
        return Answer(results, speech_attention(trained, segment, task, results[0].tokens), features)

    def read(self, model: str, text: str) -> Answer:
        """Understand a typed sentence."""
        from espnet_atat.decode.cross_attention import text_attention
        from espnet_atat.decode.understand import Text2Understand
        from espnet_atat.semantics.normalise import normalise_words

        words = normalise_words(text)
        if not words:
            raise UserError("Type a sentence first: there is no word in the field.")
        if len(text) > MAX_CHARACTERS:
            raise UserError(f"The sentence has {len(text)} characters; at most {MAX_CHARACTERS} are accepted at once")
        trained = self.load(model).trained
        options = {"task": "nlu", "nbest": NBEST}
        results = self._understand(Text2Understand, model, options).nbest([words], normalise=False)[0]
        ids = trained.text_pieces(words)
        attention = text_attention(trained, ids, "nlu", results[0].tokens)
        return Answer(results, attention, None, trained.text_tokenizer.convert_ids_to_tokens(ids))

    def _understand(self, kind: Any, model: str, options: Mapping[str, Any]) -> Any:
        pretrained = self.load(model)
        key = (model, kind.__name__, options["task"])
        return self._once(key, lambda: kind.from_pretrained(pretrained, **options))

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Make something at the first call; others wait for it."""
        with self._making:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]
