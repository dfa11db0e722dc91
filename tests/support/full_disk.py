"""A disk that is full, as far as this process can tell."""

import contextlib
import resource


@contextlib.contextmanager
def largest_file(size):
    """Limits the size of every file of this process to `size` bytes, like a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
