"""Fixtures that every test may use."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def real_corpus() -> Callable[[str], Path]:
    """A function that gives the folder of a real corpus below ``ATAT_CORPORA``, or skips the test."""

    def find(name: str) -> Path:
        folder = os.environ.get("ATAT_CORPORA")
        if not folder:
            pytest.skip(f"needs the corpus {name} below ATAT_CORPORA, which is not set (see CONTRIBUTING.md)")
        if not Path(folder).is_dir():
            pytest.fail(f"ATAT_CORPORA={folder}: no such folder")
        path = Path(folder).resolve() / name
        if not path.is_dir():
            pytest.skip(f"needs the corpus {name}, which is not below ATAT_CORPORA (see CONTRIBUTING.md)")
        return path

    return find


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A tiny world of data, for who changes none of its files; see ``tests/toy.py``."""
    from tests.toy import make_toy

    return make_toy(tmp_path_factory.mktemp("toy"))


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
