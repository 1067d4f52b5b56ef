"""Kokoro-82M through onnxruntime: 28 English voices at 24 kHz, two to three times real time on one core.

`tools/install_extra.sh tts` puts `model.onnx` (int8) and `voices/*.bin` in a model directory and installs
`hibari-tts`, whose grapheme-to-phoneme rules write the phoneme alphabet Kokoro was trained on
(https://github.com/hexgrad/kokoro; all three parts are Apache-2.0). `kokoro.sha256` lists the model and the English
voices of the npm archive kokoro-js@1.2.1.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from espnet_atat.errors import Unavailable, UserError
from espnet_atat.installed import models_dir
from espnet_atat.speech.synthesis.engines import INSTALL_HINT, Engine
from espnet_atat.strict_json import parse_json

KOKORO_RATE = 24_000  # Hz, of everything that is said
STYLE_DIM = 256
MAX_PHONEMES = 509  # a voice holds one style vector a length, 0 … 509 phonemes


@dataclass(frozen=True)
class KokoroEngine(Engine):
    """One model per process, which `model_dir` holds as ``model.onnx`` and ``voices/<voice>.bin``.

    Voices `af_` and `am_` are American, `bf_` and `bm_` British.
    """

    name: ClassVar[str] = "kokoro"
    default_voices: ClassVar[tuple[str, ...]] = (
        "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole",
        "am_fenrir", "am_michael", "am_puck", "bf_emma", "bf_isabella", "bm_daniel", "bm_george",
        "bm_lewis",
    )  # fmt: skip
    cpu_per_second: ClassVar[float | None] = 0.43  # of 12 commands of mini's, in 12 voices

    model_dir: Path = field(default_factory=lambda: models_dir() / "kokoro")

    def voices(self) -> tuple[str, ...]:
        return tuple(sorted(Path(file).stem for file in _sha256() if file.startswith("voices/")))

    def prepare(self, voices: Sequence[str]) -> None:
        """The session itself is made in each process: onnxruntime's threads do not survive a fork."""
        for package in ("onnxruntime", "hibari"):
            if find_spec(package) is None:
                raise Unavailable(f"Kokoro needs the package {package!r}; {INSTALL_HINT}")
        for file in ("model.onnx", *(f"voices/{voice}.bin" for voice in voices)):
            _check_sha256(self.model_dir / file, _sha256()[file])

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        # The comma is a pause that is trimmed later: without it some voices swallow the first consonant.
        return self.say(", " + text, voice), KOKORO_RATE

    def say(self, text: str, voice: str, speed: float = 1.0) -> np.ndarray:
        """Samples (num_samples,) at 24 kHz, float32 within [-1, 1], of a sentence with its punctuation."""
        phonemes = phonemizer(voice.startswith("b"))(text)
        ids = [_phoneme_ids()[phoneme] for phoneme in phonemes if phoneme in _phoneme_ids()]
        if not 0 < len(ids) <= MAX_PHONEMES:
            raise UserError(f"{text!r}: {len(ids)} phonemes; Kokoro says 1 to {MAX_PHONEMES} at once, split the text")
        inputs = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),  # (1, phonemes + 2): padded at both ends
            "style": _styles(self.model_dir / f"voices/{voice}.bin")[len(ids)],  # (1, STYLE_DIM)
            "speed": np.array([speed], dtype=np.float32),
        }
        audio = _session(self.model_dir / "model.onnx").run(None, inputs)[0]
        return np.clip(np.asarray(audio, dtype=np.float32).reshape(-1), -1.0, 1.0)


@cache
def _sha256() -> Mapping[str, str]:
    """File → sha256."""
    lines = resources.files(__package__).joinpath("kokoro.sha256").read_text(encoding="utf-8").splitlines()
    return {file: digest for digest, file in map(str.split, lines)}


def _check_sha256(path: Path, wanted: str) -> None:
    if not path.is_file():
        raise Unavailable(f"{path}: no such file; {INSTALL_HINT}")
    with path.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != wanted:
        raise Unavailable(f"{path} has the sha256 {found}, not {wanted}; delete it and {INSTALL_HINT}")


@cache
def _session(model: Path) -> Any:
    """One thread: several processes are faster than several threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


@cache
def _phoneme_ids() -> dict[str, int]:
    return parse_json(resources.files("hibari").joinpath("assets/vocab.json").read_bytes(), "vocab.json of hibari")


@cache
def phonemizer(british: bool) -> Any:
    """From a text to its British or American phonemes."""
    from hibari.g2p import G2P

    return G2P(british=british)


@cache
def _styles(voice: Path) -> np.ndarray:
    """Style vectors of a voice, shape = (510, 1, STYLE_DIM), float32: one for each number of phonemes."""
    return np.fromfile(voice, dtype="<f4").reshape(-1, 1, STYLE_DIM)
