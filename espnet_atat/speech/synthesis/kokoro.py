"""Kokoro-82M through onnxruntime: 28 English voices at 24 kHz, two to three times real time on one core.

`tools/install_extra.sh tts` puts `model.onnx` (int8) and `voices/*.bin` in a model directory and installs
`hibari-tts`, whose grapheme-to-phoneme rules write the phoneme alphabet Kokoro was trained on
(https://github.com/hexgrad/kokoro; all three parts are Apache-2.0).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.installed import models_dir
from espnet_atat.speech.synthesis.base import INSTALL_HINT, EngineUnavailable, LocalEngine, check_sha256
from espnet_atat.speech.synthesis.kokoro_files import SHA256

KOKORO_RATE = 24_000  # Hz, of everything `speak` returns
STYLE_DIM = 256
MAX_PHONEMES = 509  # a voice holds one style vector a length, 0 … 509 phonemes


@dataclass(frozen=True)
class KokoroEngine(LocalEngine):
    """Kokoro as ``--engine kokoro`` uses it: one model a process.

    Args:
        model_dir: holds ``model.onnx`` and ``voices/<voice>.bin``.
    """

    name: ClassVar[str] = "kokoro"
    default_voices: ClassVar[tuple[str, ...]] = (
        "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole",
        "am_fenrir", "am_michael", "am_puck", "bf_emma", "bf_isabella", "bm_daniel", "bm_george",
        "bm_lewis",
    )  # fmt: skip

    model_dir: Path = field(default_factory=lambda: models_dir() / "kokoro")

    def voices(self) -> tuple[str, ...]:
        return tuple(sorted(Path(file).stem for file in SHA256 if file.startswith("voices/")))

    def prepare(self, voices: Sequence[str]) -> None:
        """The session itself is made in each process: onnxruntime's threads do not survive a fork."""
        for package in ("onnxruntime", "hibari"):
            if find_spec(package) is None:
                raise EngineUnavailable(f"Kokoro needs the package {package!r}; {INSTALL_HINT}")
        for file in ("model.onnx", *(f"voices/{voice}.bin" for voice in voices)):
            check_sha256(self.model_dir / file, SHA256[file])

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        # The comma is a pause that is trimmed later: without it some voices swallow the first consonant.
        return _load(self.model_dir).speak(", " + text, voice), KOKORO_RATE


@cache
def _load(model_dir: Path) -> "Kokoro":
    return Kokoro(model_dir)


class Kokoro:
    """One voice bank and one model, loaded once; call `speak` for each sentence.

    Args:
        model_dir: holds `model.onnx` and `voices/<voice>.bin`.
        threads: onnxruntime threads inside one operation; run several processes rather than several threads.

    Raises:
        UserError: the model, the voices or the Python packages are not installed.

    Example:
        >>> audio = Kokoro(Path(".venv/models/kokoro")).speak("Play some quiet songs.", "af_heart", speed=1.1)
    """

    def __init__(self, model_dir: Path, threads: int = 1) -> None:
        model = model_dir / "model.onnx"
        if not model.is_file():
            raise UserError(f"{model}: no Kokoro model here; {INSTALL_HINT}")
        self.voice_dir = model_dir / "voices"
        try:
            import onnxruntime
            from hibari.g2p import G2P
        except ImportError as e:
            raise UserError(f"Kokoro needs the package {e.name!r}; {INSTALL_HINT}") from e
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3  # errors only
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._phoneme_ids: dict[str, int] = json.loads(
            resources.files("hibari").joinpath("assets/vocab.json").read_text(encoding="utf-8")
        )
        self._make_g2p = G2P
        self._g2p: dict[bool, Any] = {}
        self._styles: dict[str, np.ndarray] = {}

    def voices(self) -> list[str]:
        """Names of the installed voices, in C order: `af_` and `am_` are American, `bf_` and `bm_` British."""
        return sorted(path.stem for path in self.voice_dir.glob("*.bin"))

    def phonemes(self, text: str, voice: str) -> str:
        """The phonemes of `text`, British or American as `voice` is."""
        british = voice.startswith("b")
        if british not in self._g2p:
            self._g2p[british] = self._make_g2p(british=british)
        return self._g2p[british](text)

    def speak(self, text: str, voice: str, speed: float = 1.0) -> np.ndarray:
        """Say one sentence.

        Args:
            text: a sentence with its punctuation, of at most 509 phonemes.
            voice: a name of `voices()`.
            speed: 1.0 is the voice's own pace, 1.3 is faster.

        Returns:
            Samples at 24 kHz, shape = (n_samples,), float32 within [-1, 1].

        Raises:
            UserError: the voice is unknown, or the text has no phonemes or too many.
        """
        phonemes = self.phonemes(text, voice)
        ids = [self._phoneme_ids[p] for p in phonemes if p in self._phoneme_ids]
        if not 0 < len(ids) <= MAX_PHONEMES:
            raise UserError(f"{text!r}: {len(ids)} phonemes; Kokoro says 1 to {MAX_PHONEMES} at once, split the text")
        inputs = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),  # (1, n_phonemes + 2): padded at both ends
            "style": self._voice(voice)[len(ids)],  # (1, 256)
            "speed": np.array([speed], dtype=np.float32),
        }
        audio = self._session.run(None, inputs)[0]
        return np.clip(np.asarray(audio, dtype=np.float32).reshape(-1), -1.0, 1.0)

    def _voice(self, voice: str) -> np.ndarray:
        """Style vectors of a voice, shape = (510, 1, 256), float32: one for each number of phonemes."""
        if voice not in self._styles:
            path = self.voice_dir / f"{voice}.bin"
            if not path.is_file():
                raise UserError(
                    f"unknown voice {voice!r}; installed: {', '.join(self.voices()) or f'none: {INSTALL_HINT}'}"
                )
            self._styles[voice] = np.fromfile(path, dtype="<f4").reshape(-1, 1, STYLE_DIM)
        return self._styles[voice]
