"""The tiny recipe as the working directory."""

import pytest

from tests.steps.world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A repository's root that holds the recipe ``toy``, prepared up to stage 6."""
    make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
