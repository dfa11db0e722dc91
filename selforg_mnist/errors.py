"""The errors that commands show to their user in one line, without a traceback."""

_LONGEST_LINE = 250  # characters


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


def one_line(message: object) -> str:
    """Makes a text or an error one line of printable characters, not too long.

    The text may quote a file of unknown origin. An error without a message gives its type.
    """
    printable = "".join(c if c.isprintable() else " " for c in str(message))
    line = " ".join(printable.split())
    if not line and isinstance(message, BaseException):
        return type(message).__name__
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
