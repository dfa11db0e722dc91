"""Checkpoints are complete or absent, whatever happens during or after writing."""

import random
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.training.checkpoints import CheckpointError, Checkpoints
from support.full_disk import largest_file
from support.messages import one_line


class Pool(NamedTuple):
    labels: tf.Tensor
    state: tf.Tensor


class State(NamedTuple):
    step: tf.Tensor
    weights: tuple[tf.Tensor, ...]
    pool: Pool


def state_at(step):
    """A small state whose content shows its step, with all types of a real state."""
    weights = (tf.fill([3, 5], float(step)), tf.constant([-0.0, 1e-45, np.pi]))
    pool = Pool(tf.constant([step, 2]), tf.zeros([2, 1, 1], tf.uint8))
    return State(tf.constant(step), weights, pool)


def assert_same(restored, expected):
    tf.nest.assert_same_structure(restored, expected)
    pairs = zip(tf.nest.flatten(restored), tf.nest.flatten(expected), strict=True)
    for ours, theirs in pairs:
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.numpy().tobytes() == theirs.numpy().tobytes()


@pytest.fixture
def kept(tmp_path):
    """Checkpoints of steps 8, 9 and 10."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in (8, 9, 10):
        checkpoints.save(step, state_at(step))
    return checkpoints


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    checkpoints = Checkpoints(tmp_path / "a" / "b")
    path = checkpoints.save(7, state_at(7))
    restored = checkpoints.restore(state_at(0))
    assert_same(restored.state, state_at(7))
    assert (restored.path, restored.damaged) == (path, [])
    assert isinstance(restored.state, State)
    assert isinstance(restored.state.pool, Pool)


def test_anyone_can_read_one_with_numpy(kept):
    with np.load(kept.paths()[-1]) as archive:
        names = {"step", "weights.0", "weights.1", "pool.labels", "pool.state"}
        assert set(archive) == names
        assert archive["pool.labels"].tolist() == [10, 2]


def test_there_may_be_none(tmp_path):
    assert Checkpoints(tmp_path / "nowhere").restore(state_at(0)) is None
    assert Checkpoints(tmp_path).restore(state_at(0)) is None
    assert not (tmp_path / "nowhere").exists()


def test_the_newest_three_are_kept_and_the_newest_is_restored(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (2, 9, 10, 99, 100, 1000):
        checkpoints.save(step, state_at(step))
        assert_same(checkpoints.restore(state_at(0)).state, state_at(step))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-00000099.npz", "step-00000100.npz", "step-00001000.npz"]


def test_another_number_can_be_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in range(4):
        checkpoints.save(step, state_at(step))
    assert len(checkpoints.paths()) == 2


def test_the_same_step_again_replaces_it(kept):
    kept.save(10, state_at(77))
    assert_same(kept.restore(state_at(0)).state, state_at(77))
    assert len(kept.paths()) == 3


class TestDamage:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda content: b"",
            lambda content: content[:1],
            lambda content: content[: len(content) // 2],
            lambda content: content[:-1],
            lambda content: content[: len(content) // 2] + bytes(200) + content[-200:],
            lambda content: bytes(len(content)),
            lambda content: random.Random(0).randbytes(500),
            lambda content: b"PK\3\4" + random.Random(0).randbytes(500),
            lambda content: b"\x93NUMPY" + random.Random(0).randbytes(500),
            lambda content: b"hello\nworld\n",
        ],
        ids=["empty", "1 byte", "half", "-1 byte", "hole", "zeros", "noise", "zip", "npy", "text"],
    )
    def test_the_one_before_is_taken(self, kept, spoil):
        *_, before, newest = kept.paths()
        newest.write_bytes(spoil(newest.read_bytes()))
        restored = kept.restore(state_at(0))
        assert_same(restored.state, state_at(9))
        assert restored.path == before
        (said,) = restored.damaged
        assert said.startswith(f"{newest}: damaged (")
        assert "damaged ()" not in said
        assert "\n" not in said

    @pytest.mark.slow
    def test_no_flipped_bit_goes_unnoticed(self, kept):
        # A zip archive doesn't check a file's date, for example, and nobody reads it.
        *_, newest = kept.paths()
        content, chance = newest.read_bytes(), random.Random(0)
        passed_over = 0
        for place in range(0, len(content), 3):
            flipped = bytearray(content)
            flipped[place] ^= 1 << chance.randrange(8)
            newest.write_bytes(flipped)
            restored = kept.restore(state_at(0))
            passed_over += len(restored.damaged)
            assert_same(restored.state, state_at(9 if restored.damaged else 10))
        assert passed_over > len(content) / 6

    @pytest.mark.slow
    def test_no_cut_goes_unnoticed(self, kept):
        *_, newest = kept.paths()
        content = newest.read_bytes()
        for length in range(0, len(content), 7):
            newest.write_bytes(content[:length])
            assert_same(kept.restore(state_at(0)).state, state_at(9))

    @pytest.mark.parametrize(
        ("other", "reason"),
        [
            (state_at(0)._replace(step=tf.constant([0])), "step is int32[1], expected int32[]"),
            (state_at(0)._replace(step=tf.constant(0.0)), "step is float32[], expected int32[]"),
            (state_at(0)._replace(weights=(tf.zeros([3, 5]),)), "weights.1 is missing"),
        ],
        ids=["shape", "type", "missing"],
    )
    def test_what_does_not_fit_counts_as_damage(self, kept, other, reason):
        kept.save(11, other)
        restored = kept.restore(state_at(0))
        assert reason in restored.damaged[0]
        assert_same(restored.state, state_at(10))

    def test_a_folder_in_its_place_counts_as_damage(self, kept):
        *_, before, newest = kept.paths()
        newest.unlink()
        newest.mkdir()
        assert_same(kept.restore(state_at(0)).state, state_at(9))
        assert kept.newest() == f"the last checkpoint is {before}"
        with pytest.raises(CheckpointError) as error:
            kept.save(10, state_at(10))
        assert str(error.value).endswith(f"the last one is intact: {before}")
        assert_same(kept.restore(state_at(0)).state, state_at(9))

    def test_several_are_told_newest_first(self, kept):
        oldest, *rest = kept.paths()
        for path in rest:
            path.write_bytes(b"")
        restored = kept.restore(state_at(0))
        assert restored.path == oldest
        assert [said.split(": ")[0] for said in restored.damaged] == [str(p) for p in rest[::-1]]

    def test_none_left_is_one_line(self, kept):
        for path in kept.paths():
            path.write_bytes(b"")
        with pytest.raises(CheckpointError) as error:
            kept.restore(state_at(0))
        text = one_line(error)
        assert f"{kept.directory}: none of its 3 checkpoints can be read" in text
        assert all(str(path) in text for path in kept.paths())

    def test_damaged_ones_do_not_push_out_whole_ones(self, kept):
        _, *damaged = kept.paths()
        for path in damaged:
            path.write_bytes(b"")
        kept.restore(state_at(0))
        kept.save(9, state_at(9))  # the run goes on from 8
        assert [path.name for path in kept.paths()] == ["step-00000008.npz", "step-00000009.npz"]
        assert kept.restore(state_at(0)).damaged == []


class TestWriting:
    def test_what_a_kill_left_is_ignored_and_cleaned_up(self, kept):
        for name in ("partial.step-00000011.npz", "partial.step-00000004.npz"):
            (kept.directory / name).write_bytes(b"half of it")
        assert_same(kept.restore(state_at(0)).state, state_at(10))
        kept.save(11, state_at(11))
        assert [path.suffix for path in kept.directory.iterdir()] == [".npz"] * 3

    @pytest.mark.parametrize("size", [0, 1, 700])
    def test_no_room_leaves_what_was_there(self, kept, size):
        before = {path: path.read_bytes() for path in kept.paths()}
        with largest_file(size), pytest.raises(CheckpointError) as error:
            kept.save(11, state_at(11))
        text = one_line(error)
        assert "step-00000011.npz: can't be written (File too large)" in text
        assert f"the last one is intact: {kept.paths()[-1]}" in text
        assert "make room" in text
        assert {path: path.read_bytes() for path in kept.directory.iterdir()} == before
        kept.save(11, state_at(11))
        assert_same(kept.restore(state_at(0)).state, state_at(11))

    def test_no_room_for_the_first_is_said_so(self, tmp_path):
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        with largest_file(100), pytest.raises(CheckpointError, match="there is none before it"):
            checkpoints.save(1, state_at(1))
        assert list(checkpoints.directory.iterdir()) == []

    def test_a_file_in_the_folder_s_place_is_one_line(self, tmp_path):
        (tmp_path / "checkpoints").write_text("mine")
        with pytest.raises(CheckpointError) as error:
            Checkpoints(tmp_path / "checkpoints").save(1, state_at(1))
        assert "can't be written (" in one_line(error)
        assert (tmp_path / "checkpoints").read_text() == "mine"

    def test_other_files_are_left_alone(self, kept):
        (kept.directory / "notes.txt").write_text("mine")
        (kept.directory / "step-1.npz").write_text("mine")
        for step in (11, 12, 13):
            kept.save(step, state_at(step))
        assert len(kept.paths()) == 3
        assert len(list(kept.directory.iterdir())) == 5
