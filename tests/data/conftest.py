"""One toy world for all tests of this folder."""

from pathlib import Path

import pytest

from tests.toy import Toy, make_toy, write_toy_mixture


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def mixture(toy) -> Path:
    """A written mixture of audio (slu and asr) and text (nlu)."""
    return write_toy_mixture(
        toy,
        [{"task": "slu", "set": "toy/audio"}, {"task": "asr", "set": "toy/audio"}, {"task": "nlu", "set": "toy/words"}],
    )
