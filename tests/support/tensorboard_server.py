"""A real TensorBoard on loopback, for tests that read what a user would see.

with serve(logdir) as url:
    runs = eventually(lambda: get_json(url, "data/runs"), lambda runs: "training" in runs)
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

# Loopback needs no proxy, whatever the environment says.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_READY = re.compile(r"TensorBoard \S+ at (http://\S+/)")


@contextlib.contextmanager
def serve(logdir, fast=True, timeout=60):
    """Runs TensorBoard on a folder until the block is left.

    Args:
      logdir: what a user would give as --logdir.
      fast: whether it uses the data server that it uses by default, or its Python loader. The
        two treat restarted runs differently.
      timeout: seconds to wait for it to listen.

    Yields:
      url: ends with a slash. It listens, but may still be reading; see `eventually`.
    """
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={logdir}"]
    command += ["--host=127.0.0.1", "--port=0", "--reload_interval=1"]
    command += [f"--load_fast={'true' if fast else 'false'}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            yield _wait_for_url(process, timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its data server is in the same group


def _wait_for_url(process, timeout):
    output = b""
    os.set_blocking(process.stdout.fileno(), False)
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        output += process.stdout.read() or b""
        if found := _READY.search(output.decode(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"TensorBoard did not start: {output.decode(errors='replace')}")


def get(url, path, body=None, **query):
    """The bytes of a page; `body`, given, is posted as JSON."""
    address = url + path + ("?" + urllib.parse.urlencode(query) if query else "")
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data, headers)
    with _opener.open(request, timeout=20) as answer:
        return answer.read()


def get_json(url, path, body=None, **query):
    """A page of JSON, as `get`."""
    return json.loads(get(url, path, body, **query))


def eventually(ask, satisfied, timeout=20):
    """Asks until the answer is as expected; otherwise the error contains the last answer."""
    end = time.monotonic() + timeout
    while not satisfied(answer := ask()):
        assert time.monotonic() < end, f"after {timeout} s TensorBoard still says {answer}"
        time.sleep(0.1)
    return answer
