"""Small recordings made on the spot, and data dirs over them."""

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
            soundfile.write(folder / f"{name}{n:03d}.wav", samples, RATE, subtype="PCM_16")
        DataDir(text=text, wav=wav, utt2spk={utt: utt[:4] for utt in text}).write(tmp_path / name)
        return tmp_path / name

    return make
