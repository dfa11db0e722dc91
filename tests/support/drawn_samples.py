"""Fixtures: three drawn digits in mid-run, and all random draws of 20 CA steps.

pytest_plugins = ["support.drawn_samples"]  # in a test module
"""

import pytest

from selforg_mnist.data import digits
from support import reference_ca

STEPS = 20


@pytest.fixture(scope="module")
def gray():
    return digits.load_digits("drawn", "test", num_drawn=3).gray()


@pytest.fixture(scope="module")
def start(gray):
    return reference_ca.random_samples(gray)


@pytest.fixture(scope="module")
def draws(gray):
    return reference_ca.random_draws(gray, STEPS)
