"""The site's parts without a browser: samples, the server, the page's tools, the command."""

import base64
import contextlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from export import node, page_models, samples, serving
from selforg_mnist.data.digits import Digits, load_digits
from selforg_mnist.errors import UserError
from selforg_mnist.weights import shipped_path
from support import command, full_disk
from support.tensorboard_server import eventually

SITE = "export.site"
DEMO = command.ROOT / "export" / "demo"


# --- Samples ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "test", num_drawn=400)


def test_samples_are_the_first_of_each_label(tmp_path, drawn):
    path = tmp_path / "new" / "samples.json"
    samples.write(path, drawn, "test")
    content = json.loads(path.read_text())
    images = np.frombuffer(base64.b64decode(content.pop("images")), np.uint8)
    assert content == {"dataset": "drawn test", "size": 28, "per_digit": 20}
    images = images.reshape(10, 20, 28, 28)
    for digit in range(10):
        own = drawn.images[drawn.labels == digit]
        np.testing.assert_array_equal(images[digit, 0], own[0])
        np.testing.assert_array_equal(images[digit, 19], own[19])


def test_samples_are_mnist_where_it_is_at_hand(tmp_path, mnist_data_dir):
    digits = load_digits("auto", "test", str(mnist_data_dir))
    samples.write(tmp_path / "samples.json", digits, "test")
    content = json.loads((tmp_path / "samples.json").read_text())
    assert content["dataset"] == "mnist test"
    first = base64.b64decode(content["images"])[: 28 * 28]
    assert first == digits.images[digits.labels == 0][0].tobytes()


def test_too_few_of_a_label(tmp_path, drawn):
    keep = drawn.labels != 3
    fewer = Digits(drawn.images[keep], drawn.labels[keep], "mine", "a test")
    with pytest.raises(UserError, match=r"^mine: 0 pictures of 3, expected 20 or more; take"):
        samples.write(tmp_path / "samples.json", fewer, "test")
    assert not list(tmp_path.iterdir())


def test_samples_outlive_a_full_disk(tmp_path, drawn):
    path = tmp_path / "samples.json"
    path.write_text("what was there")
    with full_disk.largest_file(1000), pytest.raises(UserError, match=r"samples\.json: can't be"):
        samples.write(path, drawn, "test")
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


# --- Server -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A served folder; beside it, a secret."""
    outside = tmp_path_factory.mktemp("served")
    folder = outside / "site"
    (folder / "models").mkdir(parents=True)
    (outside / "secret.txt").write_text("secret")
    (folder / "index.html").write_text("<p>page")
    for name in ("app.js", "module.mjs", "back.wasm", "style.css", "models/model.json"):
        (folder / name).write_text("{}")
    (folder / "models" / "weights.bin").write_bytes(bytes(300_000))
    (folder / "models" / "large.bin").write_bytes(bytes(30_000_000))
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "circle").symlink_to("elcric")
    (folder / "elcric").symlink_to("circle")
    with serving.serve(folder) as address:
        yield address


def get(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read(), answer.headers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("index.html?v=1", "text/html; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("module.mjs", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("back.wasm", "application/wasm"),
        ("models/model.json", "application/json"),
        ("models/weights.bin", "application/octet-stream"),
    ],
)
def test_type_policy_and_no_caching(served, name, kind):
    _, headers = get(served + name)
    assert headers["Content-Type"] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self' ")


def test_a_file_comes_whole(served):
    assert get(served + "models/weights.bin")[0] == bytes(300_000)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/models/../../secret.txt",
        "//../secret.txt",
        "/link.txt",
        "/circle",
        "/circle/app.js",
        "/%00",
        "/models/",
        "/models",
        "/nothing",
        "/" + 300 * "a",
    ],
)
def test_nothing_from_outside_and_no_lists(served, path):
    host = re.fullmatch(r"http://(127\.0\.0\.1:\d+)/", served).group(1)
    connection = http.client.HTTPConnection(host, timeout=10)  # sends the path as it stands
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 301:  # a folder without its slash
        assert answer.headers["Location"] == path + "/"
    else:
        assert answer.status == 404
    assert b"secret" not in body
    assert b"weights.bin" not in body
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "drips", "does not read"])
def test_a_slow_client_is_let_go(served, monkeypatch, capfd, kind):
    monkeypatch.setattr(serving, "CLIENT_SECONDS", 1.0)
    host, port = re.fullmatch(r"http://(127\.0\.0\.1):(\d+)/", served).groups()
    before = threading.active_count()
    with contextlib.closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        client.settimeout(30)
        if kind == "does not read":
            client.sendall(b"GET /models/large.bin HTTP/1.0\r\n\r\n")
        elif kind == "drips":
            client.sendall(b"GET / HTTP/1.0\r\n")
            with contextlib.suppress(ConnectionError):
                for _ in range(40):
                    client.sendall(b"A: b\r\n")
                    time.sleep(0.1)
        else:
            assert client.recv(1) == b""
        assert eventually(threading.active_count, lambda count: count <= before)
    assert get(served)[0] == b"<p>page"  # others are still answered
    assert "Traceback" not in capfd.readouterr().err


def test_server_ends_with_its_block(tmp_path):
    (tmp_path / "index.html").touch()
    with serving.serve(tmp_path) as address:
        get(address)
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        with (
            pytest.raises(UserError, match=rf"^port={port}: can't be used .*give another"),
            serving.serve(tmp_path, port),
        ):
            pass
    with pytest.raises(urllib.error.URLError):
        get(address)
    with serving.serve(tmp_path, port) as again:
        assert again == address


def test_an_empty_folder_is_not_served(tmp_path):
    with (
        pytest.raises(UserError, match="expected a folder with an index"),
        serving.serve(tmp_path),
    ):
        pass


# --- Node -------------------------------------------------------------------------------------


def package(folder, build, node=">=20.19"):
    """A package without dependencies whose build is that command."""
    content = {"name": "tiny", "version": "1.0.0", "engines": {"node": node}}
    content["scripts"] = {"build": build}
    (folder / "package.json").write_text(json.dumps(content))
    lock = {"name": "tiny", "version": "1.0.0", "lockfileVersion": 3, "requires": True}
    lock["packages"] = {"": {"name": "tiny", "version": "1.0.0"}}
    (folder / "package-lock.json").write_text(json.dumps(lock))
    return folder


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm: install Node.js 20")


@pytest.mark.slow
@needs_npm
def test_installs_when_due_and_builds(tmp_path):
    npm = node.find_npm(package(tmp_path, "touch built"))
    node.install(npm, tmp_path)
    node.build(npm, tmp_path)
    assert (tmp_path / "built").exists()
    installed = tmp_path / "node_modules" / ".package-lock.json"
    if not installed.exists():  # npm writes none where there is nothing to install
        installed.parent.mkdir(exist_ok=True)
        installed.write_text("{}")
    kept = tmp_path / "node_modules" / "kept"
    kept.touch()
    node.install(npm, tmp_path)
    assert kept.exists()
    later = installed.stat().st_mtime + 10
    os.utime(tmp_path / "package-lock.json", (later, later))
    node.install(npm, tmp_path)
    assert not kept.exists()  # `npm ci` begins by taking node_modules away


@needs_npm
def test_a_failing_build_shows_its_last_lines(tmp_path, capfd):
    npm = node.find_npm(package(tmp_path, "seq 100; exit 3"))
    with pytest.raises(
        UserError, match=r"^npm run build in .*: ended with status 3; fix the error"
    ):
        node.build(npm, tmp_path)
    said = capfd.readouterr().err.split()
    assert said[-2:] == ["99", "100"]
    assert len(said) == 15


@needs_npm
def test_node_too_old(tmp_path):
    with pytest.raises(UserError, match=r"^node: is v\d+\.\d+\.\d+; expected Node >=999\.1 with"):
        node.find_npm(package(tmp_path, "true", ">=999.1"))


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_node_or_npm_missing(tmp_path, monkeypatch, missing):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in {"node", "npm"} - {missing}:
        (tools / name).write_text("#!/bin/sh\necho v99.0.0\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(UserError, match=rf"^{missing}: not on the PATH; expected Node >=20\.19"):
        node.find_npm(package(tmp_path, "true"))


def test_the_page_asks_for_the_node_that_vite_needs():
    engines = json.loads((DEMO / "package.json").read_text())["engines"]
    assert engines == {"node": ">=20.19"}


# --- Models ---------------------------------------------------------------------------------


def test_folders_are_called_like_the_weights():
    given = ["l2_noise", "runs/mine/best-1.keras", "~/article/model.json"]
    assert page_models.names(given) == ["l2_noise", "best-1", "model"]


@pytest.mark.slow
def test_models_are_exported_and_listed(tmp_path):
    if importlib.util.find_spec("tensorflowjs") is None:
        pytest.skip("no tensorflowjs: pip install -e '.[export]'")
    if not (DEMO / "node_modules").is_dir():
        pytest.skip(f"{DEMO} has no node_modules: run `npm ci` there")
    weights = shutil.copy(shipped_path("ce"), tmp_path / "mine.keras")
    folder = tmp_path / "models"
    page_models.export_all(["l2"], folder, impostors=weights)
    with_impostors = json.loads((folder / "index.json").read_text())
    assert with_impostors == {
        "models": ["l2"],
        "samples": "samples.json",
        "impostors": "impostor",
    }
    assert (folder / "impostor" / "living" / "model.json").is_file()

    page_models.export_all([str(weights), "l2"], folder)
    index = json.loads((folder / "index.json").read_text())
    assert index == {"models": ["mine", "l2"], "samples": "samples.json"}
    for name in index["models"]:
        assert json.loads((folder / name / "manifest.json").read_text())["name"] == name

    # One that can't be exported leaves the list as it was.
    weights.write_bytes(b"no longer a model")
    with pytest.raises(UserError, match=r"mine\.keras"):
        page_models.export_all([str(weights)], folder)
    assert json.loads((folder / "index.json").read_text()) == index


# --- Command ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--models="], "models=: expected at least one"),
        (["--models=l2,l2"], "models=l2,l2: l2 is there twice"),
        (
            ["--models=impostor.keras"],
            "models=impostor.keras: the page uses this name for its impostors",
        ),
        (["--models=a b.keras"], "models=a b.keras: expected a name of letters"),
        (["--port=70000", "--serve"], "port=70000"),
        (["--dataset"], "dataset"),
    ],
)
def test_a_mistake_is_one_line_at_once(tmp_path, flags, said):
    assert said in command.refused(SITE, *flags, cwd=tmp_path)
