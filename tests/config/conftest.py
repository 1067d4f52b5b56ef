"""The tiny recipe of tests/steps."""

from tests.steps.conftest import world

__all__ = ["world"]
