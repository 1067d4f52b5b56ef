"""Recordings for the commands, as for the functions they call."""

from tests.speech.alignment.conftest import spoken_set
from tests.speech.conftest import tone_set
from tests.steps.conftest import world

__all__ = ["spoken_set", "tone_set", "world"]
