"""The training command in processes of its own, to be watched, signalled and killed.

process = start("--train_steps=20", run_dir=tmp_path / "run")
process.wait_for("First training step")
process.send(signal.SIGTERM)
assert process.wait() == 143

A process is forked as in `command.py`.
"""

import os
import re
import signal
import time

from support import command

TINY = (
    "--dataset=drawn",
    "--batch_size=4",
    "--pool_size=8",
    "--rollout_steps=3",
    "--eval_samples=10",
    "--eval_steps=5",
)
TIMEOUT = 240  # seconds; a busy machine may take thirty times as long as a quiet one


class Process:
    """A training command under way; its output goes to the file `log`."""

    def __init__(self, flags, log, env, largest_file):
        self.log = log
        log.touch()
        self._status = None
        environment = {**os.environ, **env}
        self.pid = command.fork(
            "selforg_mnist.train",
            flags,
            os.getcwd(),
            environment,
            log,
            log,
            largest_file=largest_file,
        )

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
            assert self._runs() or condition(), self.text
            assert time.monotonic() < end, self.text
            time.sleep(pause)

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=TIMEOUT):
        """Waits for its end; the exit status, or minus the signal that ended it."""
        end = time.monotonic() + timeout
        while self._runs():
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"still runs after {timeout} s: {self.text}")
            time.sleep(0.01)
        return self._status

    def _runs(self):
        if self._status is None:
            self._status = command.ask({"status": self.pid, "wait": False})
        return self._status is None


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
