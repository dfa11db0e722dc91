"""A process that loads libraries once, then runs commands, each in a fork of itself.

    python fork_server.py tensorflow|none

A line on standard input is a request: `{"run": command}`, as `command.py` writes it, is answered
by the number of the process, and `{"status": number, "wait": true|false}` by its exit status, or
minus a signal, or by null while it runs. With "none" no command can load TensorFlow.
"""

import importlib
import json
import os
import resource
import runpy
import signal
import sys

_LIBRARIES = ("absl.app", "absl.flags", "absl.logging", "numpy", "PIL.Image")


def _next_command():
    """Answers each line; returns in each fork, to run the command, and None at the end."""
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            answer = os.fork()
            if answer == 0:
                return request["run"]
        else:
            process, status = os.waitpid(request["status"], 0 if request["wait"] else os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if process else None
        print(json.dumps(answer), flush=True)
    return None


def _become(order):
    signal.alarm(order["timeout"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    for number, path in enumerate((os.devnull, order["stdout"], order["stderr"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    if order["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], resource.RLIM_INFINITY))
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
