"""Commands in interpreters of their own, as a user runs them; and their refusals of mistakes.

status, printed, said = run("selforg_mnist.evaluate", "--weights=ce", cwd=tmp_path)
assert "steps=0: expected" in refused("selforg_mnist.evaluate", "--steps=0", cwd=tmp_path)
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 600  # seconds; a busy machine may take many times as long as a quiet one

# A module named TensorFlow that can't be loaded: what must not need it can't have it.
_NO_TENSORFLOW = "import runpy, sys; sys.modules['tensorflow'] = None; "
_NO_TENSORFLOW += (
    "sys.argv[0] = sys.argv.pop(1); runpy.run_module(sys.argv[0], run_name='__main__')"
)


def run(module, *arguments, cwd, env=None, tensorflow=True):
    """Runs a command to its end; returns its exit status, standard output and error.

    Without `tensorflow` it can't load it.
    """
    start = ["-m"] if tensorflow else ["-c", _NO_TENSORFLOW]
    return _run([sys.executable, *start, module, *arguments], cwd, {**os.environ, **(env or {})})


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
    start = ["-m"] if tensorflow else ["-c", _NO_TENSORFLOW]
    environment = {"PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3", **(env or {})}
    status, printed, said = _run([sys.executable, *start, module, *arguments], cwd, environment)
    assert status == 1, said
    assert printed == ""
    last = said.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in said
    if not tensorflow:  # whose own notices come first
        assert said == f"{last}\n"
    return last


def _run(command, cwd, env):
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
