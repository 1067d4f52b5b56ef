"""The tiny recipe of tests/steps, and rows of a recipe that has nothing else."""

import pytest

from espnet_atat.config.system import load_system
from tests.steps.conftest import world
from tests.steps.world import write_recipe

__all__ = ["world"]


@pytest.fixture
def row_writer(tmp_path, monkeypatch):
    """A function that gives another one, which writes a row ``s`` with some text replaced and reads it."""
    monkeypatch.chdir(tmp_path)

    def of_recipe(recipe: str, row: str):
        def write(old: str = "", new: str = "", text: str = row):
            assert old in text
            write_recipe(tmp_path, recipe, {"rows/s": text.replace(old, new)})
            return load_system(recipe, "s")

        return write

    return of_recipe
