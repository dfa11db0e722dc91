"""The one kind of error that commands show to their user without a traceback."""


class UserError(Exception):
    """A mistake of the user's, or a thing that is missing or full on their machine.

    The message is one line: the value, what was expected, the remedy.
    """
