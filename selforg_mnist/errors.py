"""The errors that commands show to their user in one line, without a traceback."""


class UserError(Exception):
    """A mistake of the user's, or a thing that is missing or full on their machine.

    The message is one line: the value, what was expected, the remedy.
    """


class DigitsError(UserError, ValueError):
    """Digits that can't be had, or aren't what the cells need."""


class DigitsUnavailableError(DigitsError):
    """The user asked for nothing wrong, the data can't be had here: 'auto' may fall back."""


class WeightsError(UserError, ValueError):
    """Weights that can't be had, or aren't those of a cellular automaton like ours."""
