"""Damaged and missing files: the page says so in a line that its user understands."""

import json
import re
import shutil

import pytest

from support.demo_page import PAUSED, tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

BROKEN = {
    "no JSON": "{ this is no JSON",
    "another JSON": '["something", "else"]',
    "cut off": '{"format": "selforg_mnist", "version": 1, "name": "l2_no',
    "empty": "",
    "missing": None,
}


@pytest.fixture
def copy(site, tmp_path):
    """The page's files, to be damaged; served at `copy.address`."""
    from export import serving

    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    with serving.serve(folder) as address:
        yield folder, address


def message_of(browser, address, fragment=PAUSED):
    """What the page says, alone, instead of running."""
    with tab(browser, address) as demo:
        demo.load(f"{address}#{fragment}")
        expect(demo.message).to_be_visible(timeout=30_000)
        expect(demo.message).to_have_role("alert")
        text = demo.message.inner_text()
        # The browser itself notes a missing file in the console; nothing else may be there.
        demo.complaints = [c for c in demo.complaints if "404" not in c]
    assert "\n" not in text
    assert len(text) < 400
    assert not re.search(r"undefined|\[object|TypeError|NaN", text)
    return text


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *(("l2_noise/manifest.json", how) for how in BROKEN),
        ("index.json", "missing"),
        ("index.json", "another JSON"),
        ("samples.json", "no JSON"),
        ("samples.json", "another JSON"),
        ("l2_noise/living/model.json", "cut off"),
        ("l2_noise/living/model.json", "another JSON"),
    ],
)
def test_a_broken_file_is_named(browser, copy, name, how):
    folder, address = copy
    path = folder / "models" / name
    if BROKEN[how] is None:
        path.unlink()
    else:
        path.write_text(BROKEN[how])
    text = message_of(browser, address)
    assert name in text
    assert re.search("[Ee]xport", text)  # the remedy
    if "/" in name:  # the page runs another model
        assert re.search(r"Instead, these cells run \w+\.$", text)


def damaged_manifest(folder, **changes):
    path = folder / "models" / "l2_noise" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | changes))


def test_a_manifest_that_does_not_fit(browser, copy):
    """The other things that may not fit are in `manifest.test.ts`."""
    folder, address = copy
    damaged_manifest(folder, state_channels=18)
    text = message_of(browser, address)
    assert "channels is 20, expected" in text
    assert "l2_noise/manifest.json" in text


def test_a_manifest_that_names_other_tensors(browser, copy):
    folder, address = copy
    manifest = json.loads((folder / "models" / "l2_noise" / "manifest.json").read_text())
    manifest["living"]["inputs"]["state"] = "no_such_tensor"
    damaged_manifest(folder, living=manifest["living"])
    assert "l2_noise/living/model.json: not a graph of such cells" in message_of(browser, address)


def test_weights_cut_off(browser, copy):
    folder, address = copy
    (weights,) = (folder / "models" / "l2_noise" / "living").glob("*.bin")
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "l2_noise/living/model.json" in message_of(browser, address)


def test_samples_of_the_wrong_length(browser, copy):
    folder, address = copy
    path = folder / "models" / "samples.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"per_digit": 19}))
    assert "samples.json: no sample digits" in message_of(browser, address)


def test_the_cells_go_on_when_another_model_is_broken(browser, copy):
    folder, address = copy
    (folder / "models" / "ce" / "living" / "model.json").write_text("{")
    with tab(browser, address) as demo:
        demo.open()
        demo.click("Digit 3")
        demo.choice("Model").select_option("ce")
        expect(demo.message).to_contain_text("ce/living/model.json")
        demo.run(5)
        assert demo.get("model") == "l2_noise"
        expect(demo.choice("Model")).to_have_value("l2_noise")
        demo.choice("Model").select_option("l2")
        demo.until("demo.model === 'l2'")
        expect(demo.message).to_be_hidden()


def open_folder(demo, folder):
    with demo.page.expect_file_chooser() as chooser:
        demo.choice("Model").select_option("open")
    chooser.value.set_files(folder)


def test_a_folder_of_one_s_own(browser, site, address, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(site / "models" / "ce", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"title": "My own"}))
    with tab(browser, address) as demo:
        demo.open()
        demo.click("Digit 3")
        open_folder(demo, folder)
        demo.until("demo.model === 'mine' || demo.model === 'ce'")
        expect(demo.choice("Model").locator("option:checked")).to_have_text("My own")
        demo.run(10)
        expect(demo.message).to_be_hidden()


def test_a_folder_of_something_else(browser, address, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "beach.txt").write_text("sun")
    with tab(browser, address) as demo:
        demo.open()
        open_folder(demo, folder)
        expect(demo.message).to_contain_text("manifest.json")
        assert demo.get("model") == "l2_noise"
        demo.run(5)


def test_a_backend_that_is_not_there(browser, address):
    with tab(browser, address, script="delete Navigator.prototype.gpu") as demo:
        demo.open("backend=webgpu&play=no&more=yes")
        expect(demo.message).to_contain_text("webgpu")
        assert demo.get("backend") != "webgpu"
        demo.click("Digit 3")
        demo.run(5)
