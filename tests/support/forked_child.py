"""Child processes of `readers/child_reader.py` that needn't load TensorFlow, as it is loaded here.

To load it takes a child seconds, too long for the many files that the tests craft. So these
children are forked from the test's process; what they run is the same script.
"""

import faulthandler
import os
import runpy
import subprocess
import sys
import tempfile


def run(command, input, **options):
    """Like `subprocess.run`, for a script of Python's."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as printed,
        tempfile.TemporaryFile() as said,
    ):
        given.write(input)
        given.seek(0)
        process = os.fork()
        if process == 0:
            _become(command, given, printed, said)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        for file in (printed, said):
            file.seek(0)
        return subprocess.CompletedProcess(command, status, printed.read(), said.read())


def _become(command, *files):
    """Runs the script in this process and ends it."""
    status = 70  # unless the script ends as scripts do
    try:
        faulthandler.disable()  # pytest's, which would report a crash to the terminal
        for number, file in enumerate(files):
            os.dup2(file.fileno(), number)
        sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
        sys.argv = command[1:]
        runpy.run_path(command[1], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = int(end.code)
    finally:
        try:
            sys.stdout.flush()
        finally:
            os._exit(status)
