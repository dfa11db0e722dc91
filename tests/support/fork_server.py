"""A process that loads libraries once, then runs commands, each in a fork of itself.

    python fork_server.py tensorflow|none

A line on standard input is a command, as `command.py` writes it; a line on standard output is its
exit status, minus a signal. With "none" no command can load TensorFlow.
"""

import importlib
import json
import os
import runpy
import signal
import sys

_LIBRARIES = ("absl.app", "absl.flags", "absl.logging", "numpy", "PIL.Image")


def _next_command():
    """Answers each line; returns in each fork, to run the command, and None at the end."""
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            return json.loads(line)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _become(order):
    signal.alarm(order["timeout"])
    for number, path in enumerate((os.devnull, order["stdout"], order["stderr"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    sys.argv = [order["module"], *order["arguments"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in _LIBRARIES:
        importlib.import_module(name)
    if sys.argv[1] == "tensorflow":
        importlib.import_module("preloaded")
    else:
        sys.modules["tensorflow"] = None
    if (command := _next_command()) is not None:
        _become(command)
