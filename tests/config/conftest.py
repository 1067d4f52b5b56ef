"""The tiny recipe of tests/recipe."""

from tests.recipe.conftest import world

__all__ = ["world"]
