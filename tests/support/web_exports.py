"""Exports for the web in tests: what they need, small ones, and their graphs run in Node.

A test that needs the converter or Node asks for them with `need_converter()` and `need_node()`,
which skip it where they are missing.
"""

import importlib.util
import shutil

import numpy as np
import pytest

from selforg_mnist.model import CAModel
from support import command, reference_ca

DEMO = command.ROOT / "export" / "demo"
SMALL = {"channels": 14, "hidden": 6}  # 13 of the state and 10 logits, unlike 3, 6 and 9


def need_converter():
    if importlib.util.find_spec("tensorflowjs") is None:
        pytest.skip("no tensorflowjs: pip install -e '.[export]'")


def need_node():
    if shutil.which("node") is None:
        pytest.skip("no node: install Node 20 or later")
    if not (DEMO / "node_modules").is_dir():
        pytest.skip(f"{DEMO} has no node_modules: run `npm ci` there")


def small_model(residual_noise=0.0):
    """A model of few channels with random weights, and these weights."""
    weights = reference_ca.random_weights(**SMALL)
    model = CAModel(SMALL["channels"], SMALL["hidden"], residual_noise=residual_noise)
    model.set_weights(weights)
    return model, weights


def contents(folder):
    """The bytes of every file below a folder, by path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def canvas(shape, channels, seed=0):
    """A canvas in mid-run: gray values around the threshold, states, masks and noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((*shape, channels)).astype(np.float32)
    x[..., 0] = rng.uniform(0.0, 0.2, shape)
    x[..., 1:][~reference_ca.alive(x[..., 0])] = 0.0  # as everywhere except in hand-made states
    fires = rng.random(shape) < 0.5
    noise = (0.1 * rng.standard_normal((*shape, channels - 1))).astype(np.float32)
    return x, fires, noise
