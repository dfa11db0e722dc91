"""Fixtures that several test files of this folder share: one run that nothing happens to."""

import pytest


@pytest.fixture(scope="session")
def straight(tmp_path_factory):
    """A run without interruption, the measure of the others."""
    from support import training_runs

    return training_runs.straight_run(tmp_path_factory.mktemp("straight"))
