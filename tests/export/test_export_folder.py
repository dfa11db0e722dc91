"""An export replaces its folder completely or not at all, and touches no other files."""

import json
from pathlib import Path

import pytest

from export import output_folder
from selforg_mnist.errors import UserError
from support.foreign_files import assert_one_line
from support.full_disk import largest_file
from support.web_exports import contents


def fill(folder, text):
    """Writes what an export consists of."""
    (folder / "living").mkdir(parents=True, exist_ok=True)
    (folder / "living" / "model.json").write_text(text)
    (folder / "living" / "group1-shard1of1.bin").write_text(text)
    (folder / "model.json").write_text(text)
    (folder / "manifest.json").write_text(json.dumps({"format": "selforg_mnist", "text": text}))


def text_of(folder):
    return {data.decode() for name, data in contents(folder).items() if name != "manifest.json"}


def refused(path, *parts):
    with pytest.raises(UserError) as error, output_folder.replacing(path):
        raise AssertionError("the block was entered")
    assert_one_line(error.value, path, *parts)


@pytest.mark.parametrize("before", ["missing", "empty", "export"])
def test_new_export_takes_the_place_of_what_was_there(tmp_path, before):
    folder = tmp_path / "a" / "web"
    if before != "missing":
        folder.mkdir(parents=True)
    if before == "export":
        fill(folder, "old")
        (folder / "group1-shard2of2.bin").write_text("of a larger model")
    with output_folder.replacing(folder) as partial:
        assert list(partial.iterdir()) == []
        fill(partial, "new")
        assert text_of(folder) == ({"old", "of a larger model"} if before == "export" else set())
    assert text_of(folder) == {"new"}
    assert "group1-shard2of2.bin" not in contents(folder)
    assert list((tmp_path / "a").iterdir()) == [folder]


def test_link_to_a_folder_stays_a_link(tmp_path):
    fill(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    with output_folder.replacing(tmp_path / "link") as partial:
        fill(partial, "new")
    assert (tmp_path / "link").is_symlink()
    assert text_of(tmp_path / "real") == {"new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, UserError])
def test_error_in_the_block_leaves_the_earlier_export(tmp_path, error):
    fill(tmp_path / "web", "old")
    before = contents(tmp_path)
    with pytest.raises(error), output_folder.replacing(tmp_path / "web") as partial:  # noqa: PT012
        fill(partial, "new")
        raise error
    assert contents(tmp_path) == before


def test_full_disk_is_one_line_and_leaves_the_earlier_export(tmp_path):
    fill(tmp_path / "web", "old")
    before = contents(tmp_path)
    full = pytest.raises(UserError, match=r"web: can't be written \(File too large\)")
    with full as said, largest_file(1000), output_folder.replacing(tmp_path / "web") as partial:
        fill(partial, "new" * 1000)
    assert_one_line(said.value)
    assert contents(tmp_path) == before


def test_failure_of_the_last_rename_undoes_the_one_before(tmp_path):
    fill(tmp_path / "web", "old")
    with (
        pytest.raises(UserError, match="can't be written"),
        output_folder.replacing(tmp_path / "web") as partial,
    ):
        partial.rmdir()  # the folder to rename is gone
    assert text_of(tmp_path / "web") == {"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


def test_export_killed_between_the_renames_is_put_back(tmp_path):
    fill(tmp_path / "replaced.web", "old")
    fill(tmp_path / "partial.web", "half")
    with pytest.raises(RuntimeError), output_folder.replacing(tmp_path / "web"):  # noqa: PT012
        assert text_of(tmp_path / "web") == {"old"}
        raise RuntimeError
    assert text_of(tmp_path / "web") == {"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


def test_export_killed_after_the_renames_stays(tmp_path):
    fill(tmp_path / "replaced.web", "old")
    fill(tmp_path / "web", "new")
    with pytest.raises(RuntimeError), output_folder.replacing(tmp_path / "web"):
        raise RuntimeError
    assert text_of(tmp_path / "web") == {"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


@pytest.mark.parametrize("left", ["model.json", "living/group1-shard1of1.bin", "living/"])
def test_export_killed_while_it_deletes_the_one_before_is_cleared_away(tmp_path, left):
    fill(tmp_path / "web", "new")
    path = tmp_path / "replaced.web" / left
    (path if left.endswith("/") else path.parent).mkdir(parents=True)
    if not left.endswith("/"):
        path.write_text("old")
    with output_folder.replacing(tmp_path / "web") as partial:
        fill(partial, "newer")
    assert text_of(tmp_path / "web") == {"newer"}
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


@pytest.mark.parametrize("name", ["group1-shard1of1.bin", "living/group9-shard1of1.bin"])
def test_folder_named_like_a_file_of_an_export_stays(tmp_path, name):
    fill(tmp_path / "web", "old")
    folder = tmp_path / "web" / name
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    refused(tmp_path / "web", f"holds {name}, which is not part of an export")
    assert contents(tmp_path) == before


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="no mount point that is known")
def test_mount_point_is_refused_before_the_work():
    with pytest.raises(UserError) as error:
        output_folder.check(Path("/dev/shm"))
    assert_one_line(error.value, "/dev/shm: a mount point, which can't be replaced; give a")


@pytest.mark.parametrize("name", ["notes.txt", "model.keras", "living/notes.txt", "other/x.bin"])
def test_folder_with_a_file_of_the_user_is_refused(tmp_path, name):
    fill(tmp_path / "web", "old")
    path = tmp_path / "web" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    before = contents(tmp_path)
    shown = name if name.startswith("living") else name.split("/")[0]
    refused(tmp_path / "web", f"holds {shown}, which is not part of an export")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("manifest", [None, "[]", "{", '{"format": "another"}'])
def test_graph_of_somebody_else_is_refused(tmp_path, manifest):
    fill(tmp_path / "web", "theirs")
    (tmp_path / "web" / "manifest.json").unlink()
    if manifest is not None:
        (tmp_path / "web" / "manifest.json").write_text(manifest)
    before = contents(tmp_path)
    refused(tmp_path / "web", "but no manifest.json of an export")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["partial.web", "replaced.web"])
def test_folder_of_the_user_in_the_way_is_refused(tmp_path, name):
    fill(tmp_path / "web", "old")
    (tmp_path / name).mkdir()
    (tmp_path / name / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UserError) as error, output_folder.replacing(tmp_path / "web"):
        raise AssertionError("the block was entered")
    assert_one_line(error.value, tmp_path / name, "holds notes.txt")
    assert contents(tmp_path) == before


def test_file_put_there_meanwhile_stays(tmp_path):
    fill(tmp_path / "web", "old")
    refusal = pytest.raises(UserError, match=r"web: holds notes\.txt")
    with refusal, output_folder.replacing(tmp_path / "web") as partial:
        fill(partial, "new")
        (tmp_path / "web" / "notes.txt").write_text("mine")
    assert (tmp_path / "web" / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


@pytest.mark.parametrize("working", ["web", "web/living"])
def test_working_directory_is_not_exchanged_under_the_user(tmp_path, monkeypatch, working):
    fill(tmp_path / "web", "old")
    monkeypatch.chdir(tmp_path / working)
    refused(tmp_path / "web", "is the working directory or contains it; give a folder inside it")
    with output_folder.replacing(Path("inside")) as partial:
        fill(partial, "new")
    assert text_of(tmp_path / working / "inside") == {"new"}


@pytest.mark.parametrize("place", ["file", "file/inside", "file/inside/deeper"])
def test_file_in_the_way_is_one_line(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    refused(tmp_path / place)
    assert contents(tmp_path) == {"file": b"mine"}
