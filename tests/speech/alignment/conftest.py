"""A small set of real recordings with transcripts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.datadir import DataDir


@pytest.fixture
def an4_set(shared_data: Path, tmp_path: Path) -> Callable[[int], Path]:
    """A function that writes a data dir of the first ``count`` utterances of the AN4 test set and returns its path."""

    def make(count: int) -> Path:
        etc = shared_data / "an4" / "etc"
        files = (etc / "an4_test.fileids").read_text().split()[:count]
        lines = (etc / "an4_test.transcription").read_text().splitlines()[:count]
        text, wav = {}, {}
        for file, line in zip(files, lines, strict=True):
            text[Path(file).name] = line.rpartition("(")[0].replace("<s>", "").replace("</s>", "").strip().lower()
            wav[Path(file).name] = str(shared_data / "an4" / "wav" / f"{file}.wav")
        DataDir(text=text, wav=wav).write(tmp_path / "an4_train")
        return tmp_path / "an4_train"

    return make
