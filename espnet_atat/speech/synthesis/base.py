"""What a speech synthesis engine offers, and where their parts lie."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from espnet_atat.errors import UserError

INSTALL_HINT = "run `tools/install_extra.sh tts`"


class EngineUnavailable(UserError):
    """Not this sentence but the engine itself is at fault (not installed, no credentials): the whole run stops."""


class Engine(Protocol):
    """A frozen dataclass, so that it can be pickled and its ``repr`` tells it from others.

    Attributes:
        name: as ``--engine`` takes it.
        default_voices: those that ``benchmarks/synthesis_wer.py`` measured below 5 % WER, or that the paper used.
    """

    name: ClassVar[str]
    default_voices: ClassVar[tuple[str, ...]]

    @property
    def dollars_per_million(self) -> float:
        """Price of a million characters."""

    def voices(self) -> tuple[str, ...]:
        """Every voice there is, in C order. Raises EngineUnavailable."""

    def prepare(self, voices: Sequence[str]) -> None:
        """Check that all that these voices need is there and whole. Raises EngineUnavailable."""

    def needs_payment(self, text: str, voice: str) -> bool:
        """Whether ``speak`` with these would cost something."""

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        """Samples (num_samples,), float32 within [-1, 1], and their rate in Hz, the same whatever was said before.

        Raises UserError if this sentence cannot be said, EngineUnavailable if none can.
        """


class LocalEngine:
    """What runs on this machine costs nothing."""

    @property
    def dollars_per_million(self) -> float:
        return 0.0

    def needs_payment(self, text: str, voice: str) -> bool:  # noqa: ARG002  # the protocol's signature
        return False


def check_sha256(path: Path, wanted: str) -> None:
    """Raises EngineUnavailable if the file is not there or is not that file."""
    if not path.is_file():
        raise EngineUnavailable(f"{path}: no such file; {INSTALL_HINT}")
    with path.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != wanted:
        raise EngineUnavailable(f"{path} has the sha256 {found}, not {wanted}; delete it and {INSTALL_HINT}")
