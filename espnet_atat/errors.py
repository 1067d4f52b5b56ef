"""The one exception for mistakes that a user can mend."""


class UserError(ValueError):
    """Something in the user's data, options or environment is wrong.

    The message names the file and line (or the utterance id), what was found there, and how to mend it. Commands
    print it without a traceback.
    """
