"""What a command does before TensorFlow is loaded, and how it ends on a user's mistake.

TensorFlow reads its log level when it is imported and its thread counts when it first computes.
So commands import this module, which doesn't load TensorFlow, before any other of the package.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from selforg_mnist import __version__
from selforg_mnist.errors import UserError, one_line


def quiet_tensorflow() -> None:
    """Silences TensorFlow's start-up notices, unless the environment asks for them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def available_cores() -> int:
    """The cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-datasets", "tensorboard")


def versions() -> dict[str, str]:
    """The versions of this package, of Python, and of the packages that results depend on."""
    return {
        "selforg_mnist": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def one_thread_per_lane(lanes: int) -> None:
    """Runs each lane of the living-cell engine on one core, and splits no operation among cores.

    A lane is a chain of small operations. Splitting each of them among cores costs more than it
    saves, whereas whole lanes run well side by side: `lanes` of them at a time.

    Raises:
      RuntimeError: TensorFlow has computed already.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(max(2, lanes))


def run(command: Callable[..., int], positional: str = "") -> None:
    """Runs a command under absl; a user's mistake ends it in one line and status 1.

    Args:
      command: does the work once the flags are parsed; returns the exit status.
      positional: a name for the arguments that are not flags, such as "IMAGE". The command is
        then called with the list of them: one or more, before, between or after the flags.
        "" if the command takes flags only.
    """

    def main(argv: Sequence[str]) -> int:
        logging.set_verbosity(logging.INFO)
        given = list(argv[1:])
        try:
            if given and not positional:
                raise UserError(f"{given[0]}: expected flags only, such as --name=value")
            if positional and not given:
                raise UserError(f"no {positional}: expected one or more, besides the flags")
            return command(given) if positional else command()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 128 + signal.SIGINT

    quiet_tensorflow()
    if positional:
        flags.FLAGS.set_gnu_getopt()  # flags may come after other arguments
    app.run(main, flags_parser=_parse)


class _WholeNumberParser(flags.IntegerParser):
    """Takes digits alone, where Python's `int` takes 1_000 too, and numbers of 64 bits."""

    def convert(self, argument: int | str) -> int:
        number = super().convert(argument)
        if "_" in str(argument) or not -(2**63) <= number < 2**63:
            raise ValueError("expected a whole number of 64 bits, in digits alone")
        return number


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses the flags as absl does, but reports a mistake in one line."""
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if type(flag.parser) is flags.IntegerParser:
            flag.parser = _WholeNumberParser(flag.parser.lower_bound, flag.parser.upper_bound)
    try:
        return flags.FLAGS(argv)
    except SystemExit:  # absl has printed the help, and would end with status 1
        sys.exit(0)
    except flags.Error as error:
        print(f"error: {one_line(error)}; --help lists the flags", file=sys.stderr)
        sys.exit(1)
