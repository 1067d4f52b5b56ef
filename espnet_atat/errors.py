"""The one exception for mistakes that a user can fix."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """Something in the user's data, options or environment is wrong.

    The message names the file and line (or the utterance id), what was found there, and how to fix it. Commands
    print it without a traceback.
    """


class Unavailable(UserError):
    """Not this utterance but what works on it, an aligner or an engine, is at fault: the whole run stops."""


@contextmanager
def naming(place: object) -> Iterator[None]:
    """Put a place before the message of a ``UserError`` that is raised within."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{place}: {error}") from error


def first_line(error: Exception) -> str:
    """What another library's error says, in a line without what steers a terminal: its kind where it says nothing."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
