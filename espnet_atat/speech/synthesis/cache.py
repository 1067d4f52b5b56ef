"""Speech that was paid for, kept by text, voice and engine."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.speech.audio import read_mono, write_audio


def default_cache() -> Path:
    """$XDG_CACHE_HOME/atat/speech, by default below ~/.cache: it outlives any data dir."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atat" / "speech"


@dataclass(frozen=True)
class SpeechCache:
    """One FLAC file a sentence and voice, ``<folder>/<engine>/<voice>/<2 digits>/<sha256>.flac``, all of one rate."""

    folder: Path
    engine: str
    rate: int  # Hz

    def path(self, text: str, voice: str) -> Path:
        """Where the sentence lies, or will."""
        key = json.dumps([self.engine, voice, self.rate, text])
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / self.engine / voice / digest[:2] / f"{digest}.flac"

    def get(self, text: str, voice: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The sentence's samples, float32, shape (num_samples,); made (int16) and kept if they are not there.

        Two processes that want the same sentence make it once: the second waits.
        """
        path = self.path(text, voice)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with (path.parent / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.is_file():
                    write_audio(path, make(), self.rate, "FLAC", "PCM_16", sync=True)  # it was paid for
        try:
            samples, rate = read_mono(path)
        except UserError as error:
            raise UserError(f"{error}: delete it, and it is asked for again") from error
        if rate != self.rate:
            raise UserError(f"{path} has {rate} samples a second, not {self.rate}; delete it")
        return samples
