"""Commands as a user runs them, in processes of their own; and their refusals of mistakes.

status, printed, said = run("selforg_mnist.evaluate", "--weights=ce", cwd=tmp_path)
assert "steps=0: expected" in refused("selforg_mnist.evaluate", "--steps=0", cwd=tmp_path)

A process is forked from one that has loaded the libraries already, which saves most
of the start-up time (`fork_server.py`). It then runs the command as `python -m` does.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 600  # seconds; a busy machine may take many times as long as a quiet one
_SERVER = Path(__file__).with_name("fork_server.py")


def run(module, *arguments, cwd, env=None, tensorflow=True, fork=True):
    """Runs a command to its end; returns its exit status, standard output and error.

    Args:
      module: of the command.
      arguments: of the command.
      cwd: working directory.
      env: changes to the environment.
      tensorflow: whether it can load TensorFlow; if not, it is forked.
      fork: False starts an interpreter, as a shell would; some variables count only then.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    if fork or not tensorflow:
        return _forked(module, arguments, cwd, environment, tensorflow)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def refused(module, *arguments, cwd, env=None, tensorflow=False):
    """Runs a command on a mistake, which must cost one line, status 1, and no output.

    Args:
      module: of the command.
      arguments: with the mistake.
      cwd: working directory.
      env: all of the environment but PYTHONPATH.
      tensorflow: whether it may load TensorFlow before it sees the mistake.

    Returns:
      said: the line.
    """
    environment = {"PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), **(env or {})}
    status, printed, said = _forked(module, arguments, cwd, environment, tensorflow)
    assert status == 1, said
    assert printed == ""
    last = said.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in said
    if not tensorflow:  # whose own notices come first
        assert said == f"{last}\n"
    return last


@functools.cache
def _server(tensorflow):
    server = subprocess.Popen(
        [sys.executable, str(_SERVER), "tensorflow" if tensorflow else "none"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)  # the end of its input ends it
    return server


def ask(request, tensorflow=True):
    """What the process from which commands are forked answers: see `fork_server.py`."""
    server = _server(tensorflow)
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


def fork(module, arguments, cwd, environment, printed, said, tensorflow=True, largest_file=None):
    """Begins to run a command in a fork; returns the number of its process.

    Args:
      module: of the command.
      arguments: of the command.
      cwd: working directory.
      environment: the whole of it.
      printed: file that its standard output is added to.
      said: file that its standard error is added to.
      tensorflow: whether it can load TensorFlow.
      largest_file: bytes beyond which it can write no file, as on a full disk.
    """
    order = {"module": module, "arguments": arguments, "cwd": str(cwd), "env": environment}
    order |= {"stdout": str(printed), "stderr": str(said), "timeout": TIMEOUT}
    return ask({"run": order | {"largest_file": largest_file}}, tensorflow)


def _forked(module, arguments, cwd, environment, tensorflow):
    with tempfile.TemporaryDirectory() as folder:
        printed, said = Path(folder, "stdout"), Path(folder, "stderr")
        process = fork(module, arguments, cwd, environment, printed, said, tensorflow)
        status = ask({"status": process, "wait": True}, tensorflow)
        return status, printed.read_text(), said.read_text()
