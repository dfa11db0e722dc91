"""The errors that commands show to their user in one line, without a traceback."""


class UserError(Exception):
    """A mistake of the user, or something that is missing or full on their machine.

    The message is one line: the value, what was expected, the remedy.
    """


class DigitsError(UserError, ValueError):
    """Digits that can't be loaded, or that the cells can't use."""


class DigitsUnavailableError(DigitsError):
    """The request is right, but the data can't be had on this machine: 'auto' may fall back."""


class WeightsError(UserError, ValueError):
    """Weights that can't be loaded, or aren't those of a cellular automaton like ours."""
