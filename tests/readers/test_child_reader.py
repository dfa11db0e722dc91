"""Files that crash a library or ask for too much memory end in an error."""

import io

import h5py
import numpy as np
import pytest

from selforg_mnist.readers import child_reader as subject
from support import forked_child, reference_ca
from support.foreign_files import SMALL, with_checksums, write_checkpoint


def hdf5(**arrays):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return content.getvalue()


def test_arrays_of_hdf5_that_are_asked_for_arrive():
    content = hdf5(a=np.arange(6, dtype="<f4").reshape(2, 3), b=np.zeros(4, "<f4"))
    (found,) = subject.hdf5(content, ["a"]).items()
    np.testing.assert_array_equal(found[1], [[0, 1, 2], [3, 4, 5]])
    assert found[0] == "a"


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
def test_floating_point_numbers_of_any_size_arrive_as_float32(kind):
    # Keras' setting floatx decides the type in which a model is saved.
    (array,) = subject.hdf5(hdf5(a=np.array([0.5, 3], kind)), ["a"]).values()
    assert array.dtype == np.float32
    assert array.tolist() == [0.5, 3]


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="array a: not of floating-point numbers"):
        subject.hdf5(hdf5(a=np.arange(6)), ["a"])


@pytest.mark.slow  # loads TensorFlow in the child
def test_file_that_ends_tensorflow_s_process_is_an_error(tmp_path):
    write_checkpoint(tmp_path / "small", reference_ca.random_weights(**SMALL))
    path = tmp_path / "small.index"
    bad = bytearray(path.read_bytes())
    bad[10] = 127  # in the length field of a message
    path.write_bytes(with_checksums(bad, tmp_path))
    with pytest.raises(ValueError, match="crashes TensorFlow, with status -6"):
        subject.checkpoint(str(tmp_path / "small"))


def test_child_that_waits_for_ever_is_an_error(monkeypatch):
    monkeypatch.setattr(subject, "_WALL_SECONDS", 0.01)  # less than Python takes to start
    with pytest.raises(ValueError, match=r"keeps HDF5 waiting for more than 0\.01 seconds"):
        subject.hdf5(hdf5(a=np.zeros(4, "<f4")), ["a"])


@pytest.mark.slow
def test_more_than_a_model_is_not_read(tmp_path, monkeypatch):
    large = np.zeros(2**22 + 1, "<f4")
    with pytest.raises(ValueError, match="16777220 bytes, expected at most 16777216"):
        subject.hdf5(hdf5(a=large), ["a"])
    write_checkpoint(tmp_path / "large", [large[:1000]] * 5 + [large[1000:]])
    monkeypatch.setattr(subject.subprocess, "run", forked_child.run)
    with pytest.raises(ValueError, match="expected at most 16777216"):
        subject.checkpoint(str(tmp_path / "large"))
