"""Files are written completely or not at all, and earlier files survive."""

import pytest

from selforg_mnist import output_files
from selforg_mnist.errors import UserError
from support.full_disk import largest_file


def test_text_and_bytes_arrive_and_folders_are_made(tmp_path):
    text, data = tmp_path / "a" / "b" / "text.csv", tmp_path / "c" / "data.bin"
    output_files.write_text(text, "ä\n")
    output_files.write_bytes(data, b"\0\xff")
    assert text.read_bytes() == "ä\n".encode()
    assert data.read_bytes() == b"\0\xff"
    assert [p.name for p in text.parent.iterdir()] == ["text.csv"]


def test_what_stood_there_stays_until_the_new_file_is_whole(tmp_path):
    path = tmp_path / "film.gif"
    path.write_text("old")
    with output_files.replacing(path) as partial:
        partial.write_text("new")
        assert partial.suffix == ".gif"
        assert partial.parent == tmp_path
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, UserError])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "kept"
    path.write_text("old")
    with pytest.raises(error), output_files.replacing(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_one_line_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept"
    path.write_text("old")
    refused = pytest.raises(UserError, match=r"kept: can't be written \(File too large\)")
    with refused as said, largest_file(1000):
        output_files.write_bytes(path, bytes(5000))
    assert "\n" not in str(said.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["file/inside", "file/inside/deeper"])
def test_a_file_in_the_way_is_one_line(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    for write in (lambda path: output_files.write_text(path, ""), output_files.make_folder):
        with pytest.raises(UserError, match="can't be written") as said:
            write(tmp_path / place / "name")
        assert "\n" not in str(said.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_folder_in_the_place_of_the_file_is_one_line_and_stays(tmp_path):
    (tmp_path / "name").mkdir()
    with pytest.raises(UserError, match="name: can't be written"):
        output_files.write_text(tmp_path / "name", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["name"]
