"""Fixtures that several test files share: the real MNIST, if it is there, and no network."""

import collections
import fcntl
import os
import pathlib
import urllib.request

import pytest

# So that a failing assert of theirs shows its values, as in a test file.
pytest.register_assert_rewrite("support.messages", "support.training_runs")

MNIST_FILES = (
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
)

_SLOW_FIXTURES = {
    "mnist_data_dir",  # MNIST, prepared
    "straight",  # a whole training run
    "wide",  # another one
    "short_run",  # another one
    "urls",  # TensorBoard servers
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks as slow what needs a slow fixture or is long; files with most slow tests first.

    Several processes then end at about the same time: the short files fill the gaps. First of all
    comes a file with tests of the page, so that it is built before other files need it.
    """
    slow_tests: collections.Counter[pathlib.Path] = collections.Counter()
    of_the_page = next((item.path for item in items if "site" in item.fixturenames), None)
    for item in items:
        if not _SLOW_FIXTURES.isdisjoint(item.fixturenames) or item.get_closest_marker("long"):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not item.get_closest_marker("long"):
            slow_tests[item.path] += 1
    items.sort(key=lambda item: (item.path != of_the_page, -slow_tests[item.path]))


@pytest.fixture(scope="session")
def mnist_dir() -> pathlib.Path:
    """The folder with MNIST's four original files: SELFORG_MNIST_DIR, else ../shared/mnist."""
    root = pathlib.Path(__file__).resolve().parents[1]
    folder = pathlib.Path(os.environ.get("SELFORG_MNIST_DIR") or root.parent / "shared" / "mnist")
    missing = [name for name in MNIST_FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(
            f"{folder} lacks {', '.join(missing)}: put MNIST's four original files in a folder "
            "and name it in SELFORG_MNIST_DIR"
        )
    return folder


@pytest.fixture(scope="session")
def mnist_data_dir(mnist_dir, tmp_path_factory) -> pathlib.Path:
    """A data_dir in which MNIST is prepared: SELFORG_TFDS_DIR, else one for this session."""
    from selforg_mnist.data import digits

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # all workers share one preparation, which takes 20 s
    folder = pathlib.Path(os.environ.get("SELFORG_TFDS_DIR") or folder / "tfds")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        loaded = digits.load_digits("auto", "test", str(folder), str(mnist_dir))
    assert loaded.source == "mnist"
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Sends every request to a closed port, because the machine may have a network or a proxy."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    urllib.request.install_opener(None)  # the next request reads the variables again
    yield
    urllib.request.install_opener(None)
