"""The training command in processes of its own, to be watched, signalled and killed.

process = start("--train_steps=20", run_dir=tmp_path / "run")
process.wait_for("First training step")
process.send(signal.SIGTERM)
assert process.wait() == 143

A process is forked from one that has loaded TensorFlow already, which spares most of the start;
from there on it runs the command as `python -m selforg_mnist.train` does.
"""

import multiprocessing
import os
import re
import resource
import runpy
import signal
import sys
import time

TINY = (
    "--dataset=drawn",
    "--batch_size=4",
    "--pool_size=8",
    "--rollout_steps=3",
    "--eval_samples=10",
    "--eval_steps=5",
)
TIMEOUT = 240  # seconds; a busy machine may take thirty times as long as a quiet one

_processes = multiprocessing.get_context("forkserver")
# The first is found from the root of the checkout; elsewhere trainings only start more slowly.
_processes.set_forkserver_preload(
    ["tests.support.preloaded", "selforg_mnist.training.training_loop"]
)


class Process:
    """A training command under way; its output goes to the file `log`."""

    def __init__(self, flags, log, env, largest_file):
        self.log = log
        log.touch()
        self._process = _processes.Process(
            target=_run, args=(flags, str(log), env, largest_file), daemon=True
        )
        self._process.start()
        self.pid = self._process.pid

    @property
    def text(self):
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern, timeout=TIMEOUT):
        """Waits until it has printed a pattern; returns the match."""
        self.wait_until(lambda: re.search(pattern, self.text), timeout, pause=0.01)
        return re.search(pattern, self.text)

    def wait_until(self, condition, timeout=TIMEOUT, pause=0.001):
        """Waits until a condition holds, which it must while the process runs."""
        end = time.monotonic() + timeout
        while not condition():
            assert self._process.is_alive() or condition(), self.text
            assert time.monotonic() < end, self.text
            time.sleep(pause)

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=TIMEOUT):
        """Waits for its end; the exit status, or minus the signal that ended it."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise AssertionError(f"still runs after {timeout} s: {self.text}")
        return self._process.exitcode


def start(*flags, run_dir, log=None, env=None, largest_file=None):
    """Starts a training.

    Args:
      flags: of the command.
      run_dir: its --run_dir.
      log: file for its output; default: beside the run_dir, one for each start.
      env: changes to the environment.
      largest_file: bytes beyond which it can write no file, as on a full disk.
    """
    logs = len(list(run_dir.parent.glob(f"{run_dir.name}.*.log")))
    log = log or run_dir.with_name(f"{run_dir.name}.{logs}.log")
    flags = [*flags, f"--run_dir={run_dir}"]
    return Process(flags, log, env or {}, largest_file)


def run(*flags, run_dir, **options):
    """Runs a training to its end; returns its exit status and what it printed."""
    process = start(*flags, run_dir=run_dir, **options)
    return process.wait(), process.text


def _run(flags, log, env, largest_file):
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    sys.argv = ["train", *flags]
    runpy.run_module("selforg_mnist.train", run_name="__main__", alter_sys=True)
