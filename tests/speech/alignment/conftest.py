"""A small set of recordings with transcripts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.datadir import DataDir
from tests.spoken import spoken


@pytest.fixture
def spoken_set(tmp_path: Path) -> Callable[[int], Path]:
    """A function that writes a data dir of ``count`` utterances and returns its path."""

    def make(count: int) -> Path:
        said = spoken("lights_train", count)
        data = DataDir(text={one.id: one.words for one in said}, wav={one.id: str(one.path) for one in said})
        data.write(tmp_path / "spoken_train")
        return tmp_path / "spoken_train"

    return make
