"""Only numbers are taken from a `.keras` file; from our own files, the same as Keras takes."""

import io
import json
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest

from selforg_mnist.errors import WeightsError
from selforg_mnist.model import CAModel
from selforg_mnist.readers import child_reader
from selforg_mnist.readers import keras_file as subject
from support import forked_child, reference_ca
from support.foreign_files import assert_one_line, assert_same_weights, damaged, loads

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
ARRAYS = reference_ca.random_weights(channels=11, hidden=3)


def save(path, channels=11, hidden=3, **options):
    model = CAModel(channels, hidden, **options)
    model.set_weights(reference_ca.random_weights(channels, hidden))
    model.save(path)
    return path


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("keras") / "small.keras")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def many_children(monkeypatch):
    monkeypatch.setattr(child_reader.subprocess, "run", forked_child.run)


def refused(path, *parts):
    with pytest.raises(WeightsError) as error:
        subject.load(path)
    assert_one_line(error.value, path, *parts)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [3, 10])  # with 10, both 1x1 kernels have one shape
def test_reads_what_keras_reads(tmp_path, hidden):
    path = save(tmp_path / "m.keras", hidden=hidden, fire_rate=0.25, residual_noise=0.02)
    ours, theirs = subject.load(path), keras.models.load_model(path)
    assert_same_weights(ours, theirs.get_weights())
    assert (ours.fire_rate, ours.residual_noise) == (0.25, 0.02)
    assert (theirs.fire_rate, theirs.residual_noise) == (0.25, 0.02)


def test_archive_packed_again_by_another_program_is_read(tmp_path, members):
    del members["metadata.json"]
    model = subject.load(pack(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED))
    assert_same_weights(model, ARRAYS)


def test_other_archives_are_refused(tmp_path, members):
    path = tmp_path / "m.keras"
    path.write_text("no archive")
    refused(path, "not a zip file")
    refused(pack(path, {CONFIG: members[CONFIG]}), "holds config.json")
    refused(pack(path, members | {"assets/run.py": b"1"}), "holds")
    refused(pack(path, members, zipfile.ZIP_LZMA), "compressed in a way that Keras doesn't use")
    twice = pack(path, members | {"config2json": members[CONFIG]}).read_bytes()
    path.write_bytes(twice.replace(b"config2json", CONFIG.encode()))
    refused(path, "holds")
    refused(tmp_path, "not an ordinary file")
    refused(tmp_path / "missing.keras", "No such file")


def test_archive_that_unpacks_to_more_than_a_model_is_refused(tmp_path, members):
    path = tmp_path / "m.keras"
    bomb = members | {WEIGHTS: bytes(50_000_000)}
    refused(pack(path, bomb, zipfile.ZIP_DEFLATED), "larger than 4194304 bytes")
    lying = path.read_bytes().replace(
        (50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    )
    path.write_bytes(lying)
    refused(path)
    path.write_bytes(bytes(2**22 + 1))
    refused(path, "larger than 4194304 bytes")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"registered_name": "selforg_mnist>Other"}, "not a model of class"),
        ({"registered_name": None, "module": "os", "class_name": "system"}, "not a model of"),
        ({"config": None}, "no configuration"),
        ({"config": {}}, "no numbers of channels"),
        ({"channels": 10**9}, "1000000000 channels, expected 11 to 256"),
        ({"channels": 12}, "is [3, 3, 11, 3], expected [3, 3, 12, 3]"),
        ({"channels": "11"}, "'11' channels"),
        ({"channels": True}, "True channels"),
        ({"hidden_channels": 1025}, "1025 hidden channels, expected 1 to 1024"),
        ({"hidden_channels": 3.0}, "3.0 hidden channels"),
        ({"fire_rate": 0.0}, "expected a probability"),
        ({"fire_rate": 1.5}, "fire_rate=1.5"),
        ({"residual_noise": -1}, "residual_noise=-1"),
        ({"residual_noise": float("nan")}, "NaN"),
        ({"residual_noise": None}, "residual_noise=None"),
    ],
    ids=str,
)
def test_other_configurations_are_refused(tmp_path, members, change, reason):
    saved = json.loads(members[CONFIG])
    place = saved if saved.keys() & change.keys() else saved["config"]
    place |= change
    data = json.dumps(saved).encode()
    refused(pack(tmp_path / "m.keras", members | {CONFIG: data}), reason)


def test_endless_json_is_refused(tmp_path, members):
    for text, reason in (("[" * 100_000, "recursion"), (f"[{'9' * 10**6}]", "1000000 characters")):
        refused(pack(tmp_path / "m.keras", members | {CONFIG: text.encode()}), reason)


def _external_file(file, path, folder):
    (folder / "secret").write_bytes(bytes(12))
    file.create_dataset(path, (3,), "<f4", external=[(str(folder / "secret"), 0, 12)])


def _external_link(file, path, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.zeros(3, "<f4")
    file[path] = h5py.ExternalLink(str(folder / "other.h5"), "x")


def _soft_link(file, path, folder):
    file[path] = h5py.SoftLink("/layers/conv2d/vars/1")


def _virtual(file, path, folder):
    layout = h5py.VirtualLayout((3,), "<f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (3,))
    file.create_virtual_dataset(path, layout)


def _compressed(file, path, folder):
    file.create_dataset(path, data=np.zeros(3, "<f4"), compression="gzip")


def _never_written(file, path, folder):
    file.create_dataset(path, (3,), "<f4")


def _whole_numbers(file, path, folder):
    file[path] = np.zeros(3, np.int32)


def _huge(file, path, folder):
    file.create_dataset(path, (2**40,), "<f4", chunks=(1024,))


def _group(file, path, folder):
    file.create_group(path)


def _missing(file, path, folder):
    pass


def _not_finite(file, path, folder):
    file[path] = np.full(3, np.inf, "<f4")


REPLACED = [_external_file, _external_link, _soft_link, _virtual, _compressed, _never_written]
REPLACED += [_whole_numbers, _huge, _group, _missing, _not_finite]


@pytest.mark.slow
@pytest.mark.parametrize("put", REPLACED, ids=lambda put: put.__name__)
def test_arrays_that_keras_would_not_write_are_refused(tmp_path, members, put):
    path = "hidden_conv/vars/1"
    content = io.BytesIO(members[WEIGHTS])
    with h5py.File(content, "r+") as file:
        del file[path]
        put(file, path, tmp_path)
    packed = pack(tmp_path / "m.keras", members | {WEIGHTS: content.getvalue()})
    refused(packed, "not finite" if put is _not_finite else "hidden_conv/vars/")


@pytest.mark.slow
@pytest.mark.usefixtures("many_children")
def test_damage_is_noticed_or_does_not_matter(tmp_path):
    # The archive's checksums don't cover names, dates and sizes.
    path = save(tmp_path / "m.keras")
    refusals = 0
    for data in damaged(path.read_bytes(), 150):
        path.write_bytes(data)
        try:
            assert_same_weights(subject.load(path), ARRAYS)
        except WeightsError as error:
            assert_one_line(error, path)
            refusals += 1
    assert refusals > 50


@pytest.mark.slow
@pytest.mark.usefixtures("many_children")
@pytest.mark.parametrize("member", [CONFIG, WEIGHTS])
def test_damage_under_right_checksums_gives_an_error_or_a_finite_model(tmp_path, members, member):
    refusals = 0
    content = members[member]
    for data in damaged(content, 80):
        refusals += not loads(subject.load, pack(tmp_path / "m.keras", members | {member: data}))
    assert 10 < refusals < 80


@pytest.mark.slow
def test_structure_that_keeps_hdf5_busy_for_ever_is_refused_in_time(tmp_path, members):
    # The heap of a group, with a circular list of free blocks: HDF5 loops forever.
    content = members[WEIGHTS]
    heap = content.index(b"vars\0\0\0\0\x01\0\0\0\0\0\0\0\x48")
    bad = content[: heap + 8] + b"\x10" + content[heap + 9 :]
    path = pack(tmp_path / "m.keras", members | {WEIGHTS: bad})
    refused(path, f"{WEIGHTS}: keeps HDF5 busy for more than 5 seconds")


@pytest.mark.slow
@pytest.mark.usefixtures("many_children")
def test_structures_of_hdf5_that_were_made_to_harm_give_an_error_or_a_finite_model(
    tmp_path, members
):
    choose, refusals = random.Random(0), 0
    content = members[WEIGHTS]
    places = [at for at, byte in enumerate(content) if byte]  # half of the file is padding
    for _ in range(100):
        bad = bytearray(content)
        for _ in range(choose.choice([1, 2, 4])):
            at = choose.choice(places)
            somewhere = choose.randrange(len(bad)).to_bytes(8, "little")
            values = (b"\xff" * 8, bytes(8), choose.randbytes(8), somewhere, choose.randbytes(1))
            new = choose.choice(values)
            bad[at : at + len(new)] = new
        data = bytes(bad[: len(content)])
        refusals += not loads(subject.load, pack(tmp_path / "m.keras", members | {WEIGHTS: data}))
    assert 20 < refusals < 100
