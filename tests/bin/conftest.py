"""Recordings for the commands, as for the functions they call."""

from tests.speech.alignment.conftest import an4_set
from tests.speech.conftest import tone_set

__all__ = ["an4_set", "tone_set"]
