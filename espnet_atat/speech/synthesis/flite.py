"""CMU Flite, as Debian packages it: four American and Scottish voices at 16 kHz.

On the path, or unpacked below the models directory by ``tools/install_extra.sh tts``, which needs no root.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile

from espnet_atat.errors import Unavailable, UserError
from espnet_atat.installed import models_dir
from espnet_atat.speech.synthesis.engines import INSTALL_HINT, Engine

TIMEOUT = 120.0  # s that one sentence may take


@dataclass(frozen=True)
class Flite(Engine):
    """The voices awb (Scottish), kal16, rms and slt (a woman's). Flite's others have 8 kHz, or tell only the time."""

    name: ClassVar[str] = "flite"
    default_voices: ClassVar[tuple[str, ...]] = ("awb", "rms", "slt")
    cpu_per_second: ClassVar[float | None] = 0.0154  # of 20 commands of mini's

    models: Path = field(default_factory=models_dir)  # flite/usr/bin/flite may lie there

    def voices(self) -> tuple[str, ...]:
        return ("awb", "kal16", "rms", "slt")

    def program(self) -> tuple[str, dict[str, str]]:
        """The program and the environment to run it in. Raises Unavailable."""
        if found := shutil.which("flite"):
            return found, dict(os.environ)
        own = self.models / "flite/usr/bin/flite"
        if not own.is_file():
            hint = f"{INSTALL_HINT}, or install it (Debian: apt install flite)"
            raise Unavailable(f"no program flite on the path or at {own}; {hint}")
        libraries = sorted({str(path.parent) for path in (self.models / "flite/usr/lib").glob("**/lib*.so.*")})
        return str(own), os.environ | {"LD_LIBRARY_PATH": ":".join(libraries)}

    def prepare(self, voices: Sequence[str]) -> None:  # noqa: ARG002
        self._run("-lv")

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "speech.wav"
            self._run("-voice", voice, "-t", text, "-o", str(output))
            samples, rate = soundfile.read(output, dtype="float32")
        if not samples.any():
            raise UserError(f"flite says nothing for {text!r}")
        return samples, rate

    def _run(self, *arguments: str) -> None:
        program, environment = self.program()
        command = [program, *arguments]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"flite took more than {TIMEOUT:.0f} s for {arguments}") from error
        if done.returncode:
            raise Unavailable(f"{program} does not run: {(done.stderr or done.stdout).strip()[-300:]}")
