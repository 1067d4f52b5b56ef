"""Small recordings made on the spot, and data dirs over them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.datadir import DataDir

RATE = 16_000


@pytest.fixture
def tone_set(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a data dir of ``count`` noisy tones and returns its path."""

    def make(count: int, name: str = "train") -> Path:
        folder = tmp_path / "audio"
        folder.mkdir(exist_ok=True)
        text, wav = {}, {}
        for n in range(count):
            rng = np.random.default_rng(n)
            time = np.arange(3000 + 700 * n) / RATE
            samples = 0.3 * np.sin(2 * np.pi * (200 + 50 * n) * time) + 0.01 * rng.standard_normal(len(time))
            wav[f"spk{n % 3}-utt{n:03d}"] = str(folder / f"{name}{n:03d}.wav")
            text[f"spk{n % 3}-utt{n:03d}"] = f"tone {n}"
            encoded = io.BytesIO()  # libsndfile waits for the disk at the end of every file that it writes itself
            soundfile.write(encoded, samples, RATE, format="WAV", subtype="PCM_16")
            Path(wav[f"spk{n % 3}-utt{n:03d}"]).write_bytes(encoded.getvalue())
        DataDir(text=text, wav=wav, utt2spk={utt: utt[:4] for utt in text}).write(tmp_path / name)
        return tmp_path / name

    return make
