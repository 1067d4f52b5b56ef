"""The engines themselves where they are installed, and texts to say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.engines import Engine
from espnet_atat.speech.synthesis.flite import Flite
from espnet_atat.speech.synthesis.kokoro import KokoroEngine
from espnet_atat.speech.synthesis.pico import Pico


def installed(engine: Engine) -> Engine:
    """The engine, or a skipped test with the engine's own words."""
    try:
        engine.prepare(engine.voices())
    except UserError as error:
        pytest.skip(f"{engine.name} is not installed: {error}")
    return engine


@pytest.fixture(scope="session")
def pico() -> Engine:
    return installed(Pico())


@pytest.fixture(scope="session")
def flite() -> Engine:
    return installed(Flite())


@pytest.fixture(scope="session")
def kokoro_engine() -> Engine:
    return installed(KokoroEngine())


@pytest.fixture
def texts(tmp_path: Path) -> Callable[[int], Path]:
    """A function that writes a file of ``count`` short texts and returns its path."""

    def make(count: int) -> Path:
        path = tmp_path / f"texts{count}"
        path.write_text("".join(f"utt{n:03d} play song {n} at {n % 12 + 1} : 30 pm\n" for n in range(count)))
        return path

    return make
