"""SVOX Pico through py-nanotts: one American and one British voice at 16 kHz, the fastest engine by far."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from espnet_atat.errors import Unavailable, UserError
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.synthesis.engines import INSTALL_HINT, Engine

M_PERTURB = -6  # glibc, mallopt(3)
ZERO = 255  # memory is filled with the complement of this byte


@dataclass(frozen=True)
class Pico(Engine):
    """The voices ``en-GB`` and ``en-US``."""

    name: ClassVar[str] = "pico"
    default_voices: ClassVar[tuple[str, ...]] = ("en-GB", "en-US")
    cpu_per_second: ClassVar[float | None] = 0.0053  # of 20 commands of mini's

    def prepare(self, voices: Sequence[str]) -> None:  # noqa: ARG002
        try:
            import py_nanotts  # noqa: F401
        except ImportError as error:
            needs = "pico needs the package py-nanotts, for Linux on x86_64 or aarch64"
            raise Unavailable(f"{needs}; {INSTALL_HINT}") from error

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        from py_nanotts import NanoTTS

        with zeroed_memory():
            samples = np.frombuffer(NanoTTS().speak(text, voice=voice), "<i2")
        if not samples.any():
            raise UserError(f"pico says nothing for {text!r}")
        return samples.astype(np.float32) / 2**15, SAMPLE_RATE


@contextmanager
def zeroed_memory() -> Iterator[None]:
    """Let malloc return zeros.

    Pico reads memory that it has not written: without this the last bits of its sound depend on what the process did
    before. Only glibc can do it; py-nanotts has wheels for no other C library of Linux.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        yield
        return
    mallopt(M_PERTURB, ZERO)
    try:
        yield
    finally:
        mallopt(M_PERTURB, 0)
