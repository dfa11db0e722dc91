"""The page takes exported folders from its user's disk, in both layouts."""

import pytest
from playwright.sync_api import expect

from support import command

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("layout", [pytest.param("tfjs", marks=pytest.mark.long), "single_file"])
def test_an_exported_folder_is_opened(demo, layout, tmp_path):
    from export import exporting
    from selforg_mnist import weights

    exporting.write(weights.load("l2"), tmp_path / "mine", layout, check=False)
    assert bool(list((tmp_path / "mine").rglob("*.bin"))) == (layout == "tfjs")
    demo.click("Digit 0", "Reset")
    demo.page.locator("#folder").set_input_files(tmp_path / "mine")
    demo.until("demo.model === 'mine'")
    expect(demo.choice("Model")).to_have_value("mine")
    # There is a shipped model of this title.
    assert demo.choice("Model").locator("option:checked").inner_text() == "L2 (mine)"
    titles = demo.choice("Model").locator("option").all_inner_texts()
    assert len(set(titles)) == len(titles)
    expect(demo.slider("Noise")).to_have_value("0")
    demo.run(80)
    assert demo.get("census().pieces[0].label") == 0
    assert demo.message.is_hidden()


def test_an_export_of_an_earlier_version_is_opened(demo):
    folder = command.ROOT / "tests" / "support" / "earlier_version" / "export"
    demo.page.locator("#folder").set_input_files(folder)
    demo.until("demo.model === 'export'")
    expect(demo.slider("Noise")).to_have_value("0.125")  # more than the shipped models have
    demo.run(3)
    assert demo.message.is_hidden()


def test_a_folder_that_is_no_export_is_refused(demo, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.txt").write_text("sand")
    demo.page.locator("#folder").set_input_files(tmp_path / "holiday")
    expect(demo.message).to_have_text(
        "The folder has no manifest.json. Export the model again: python -m export.tfjs"
    )
    assert demo.get("model") == "l2_noise"
    demo.run(3)
