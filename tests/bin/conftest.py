"""Recordings for the commands, as for the functions they call."""

from tests.speech.conftest import tone_set

__all__ = ["tone_set"]
