"""What a speech synthesis engine offers, and the names of the engines."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from espnet_atat.errors import UserError
from espnet_atat.schema import Within, check_known

if TYPE_CHECKING:  # a table asks for the names of engines, and needs no arrays
    import numpy as np

EngineName = Literal["pico", "flite", "kokoro", "polly"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
#: Options of ``bin.synthesize`` that a recipe may set.
ENGINE_OPTIONS: Mapping[str, Any] = {
    "voices": tuple[str, ...],
    "seed": int,
    "audio_format": Literal["flac", "wav"],
    **dict.fromkeys(("model_dir", "polly_region", "cache_dir"), str),
    "polly_engine": Literal["neural", "standard"],
    "polly_price": Annotated[float, Within(0, 1_000_000)],
}
ENTRY = re.compile(r"([^@:]+)(?:@([^@:]+))?(?::([1-9][0-9]*))?")  # set@engine:sentences
INSTALL_HINT = "run `tools/install_extra.sh tts`"


class Engine(ABC):
    """A frozen dataclass, so that it can be pickled and its ``repr`` tells it from others."""

    name: ClassVar[str]  # as --engine takes it
    #: Those that ``benchmarks/synthesis_wer.py`` measured below 5 % WER, or that the paper used.
    default_voices: ClassVar[tuple[str, ...]]
    #: Seconds of one core for a second of speech, as it is written; None: it is said elsewhere.
    cpu_per_second: ClassVar[float | None] = None

    @property
    def dollars_per_million(self) -> float:
        """Price of a million characters; what runs on this machine costs nothing."""
        return 0.0

    def needs_payment(self, text: str, voice: str) -> bool:  # noqa: ARG002
        """Whether ``speak`` with these would cost something."""
        return False

    def voices(self) -> tuple[str, ...]:
        """Every voice there is, in C order."""
        return self.default_voices

    @abstractmethod
    def prepare(self, voices: Sequence[str]) -> None:
        """Check that everything these voices need is installed and intact. Raises Unavailable."""

    @abstractmethod
    def speak(self, text: str, voice: str) -> "tuple[np.ndarray, int]":
        """Samples (num_samples,), float32 within [-1, 1], and their rate in Hz, the same whatever was said before.

        Raises UserError if this sentence cannot be said, Unavailable if none can.
        """


def engine_of(name: str) -> str | None:
    """The engine whose speech a set is, as its name says."""
    return next((engine for engine in ENGINES if name.endswith(f"_{engine}")), None)


def read_entries(entries: list[str], default: str) -> dict[tuple[str, str], int | None]:
    """(Set, engine) → how many of its sentences are said; None: all."""
    found: dict[tuple[str, str], int | None] = {}
    for entry in entries:
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise UserError(f"synthesize_sets: {entry!r} is not a set, set@engine, or set@engine:sentences, from 1 on")
        name, engine, number = match[1], match[2] or default, int(match[3]) if match[3] else None
        check_known([engine], ENGINES, f"synthesize_sets: {entry}", "engine")
        if (other := found.setdefault((name, engine), number)) != number:
            raise UserError(
                f"synthesize_sets: {entry}: {name} is said by {engine} with {other or 'all'} of its sentences too: "
                "it is one set, say one number"
            )
    return found
