"""Fixtures that several test files of this folder share."""

import pytest


@pytest.fixture(scope="session")
def straight(tmp_path_factory):
    """A run without interruption, the measure of the others."""
    from support import training_runs

    return training_runs.straight_run(tmp_path_factory.mktemp("straight"))


@pytest.fixture(scope="module")
def source():
    """Drawn digits to train on."""
    from support import tiny_trainer

    return tiny_trainer.drawn_source()


@pytest.fixture(scope="module")
def trainer_of(source):
    """Gives trainers of these digits, each made once; a file with more digits has its own."""
    from support import tiny_trainer

    return tiny_trainer.trainers({"drawn": source})
