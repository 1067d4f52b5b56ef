"""Fixtures that every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real public corpora for development, beside the repository; tests that need them are skipped where absent."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no development corpora at {path.parent.name}/{path.name} beside the repository")
    return path


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory) -> Path:
    """A training run whose model knows two commands by heart; see ``tests/toy_package.py``."""
    from tests.toy_package import make_run

    return make_run(tmp_path_factory.mktemp("toy") / "run")


@pytest.fixture(scope="session")
def toy_package(toy_run) -> Path:
    """The same, packed."""
    from tests.toy_package import make_package

    return make_package(toy_run, toy_run.with_name("toy.zip"))
