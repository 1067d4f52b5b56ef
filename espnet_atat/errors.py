"""The one exception for mistakes that a user can mend."""


class UserError(ValueError):
    """Something in the user's data, options or environment is wrong.

    The message names the file and line (or the utterance id), what was found there, and how to mend it. Commands
    print it without a traceback.
    """


def first_line(error: Exception) -> str:
    """What another library's error says, in a line: its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
