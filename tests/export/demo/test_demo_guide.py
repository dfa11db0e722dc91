"""Guided experiments, strokes that are too big for a model, and models of other widths."""

import json

import numpy as np
import pytest

from support.demo_page import tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect


def alive(demo):
    return demo.picture()["gray"] > 0.1


def begin(demo, name):
    """Presses an experiment's button; a step a second leaves time to look at the scene."""
    demo.set_slider("Speed", 0)
    demo.click(name)
    expect(demo.button("Pause")).to_be_visible()
    demo.until("demo.step < 30")
    demo.settle()


def go_on(demo, said):
    """Lets the cells agree on the scene, and waits until what is to happen then is told."""
    demo.run(200)
    # Playwright's own wait looks only every second, and steps follow meanwhile.
    told = "document.querySelector('#notice').textContent"
    demo.until(f"{told}.includes('{said}')", timeout=60_000)


def has_hole(living):
    """Whether ink encloses a part of the ground."""
    ground = ~np.pad(living, 1)
    outside = np.zeros_like(ground)
    outside[0] = True
    for _ in range(ground.size):
        spread = outside.copy()
        spread[1:] |= outside[:-1]
        spread[:-1] |= outside[1:]
        spread[:, 1:] |= outside[:, :-1]
        spread[:, :-1] |= outside[:, 1:]
        spread &= ground
        if (spread == outside).all():
            break
        outside = spread
    return bool((ground & ~outside).any())


def test_a_6_is_cut_open(demo):
    begin(demo, "Cut")
    assert has_hole(alive(demo))
    go_on(demo, "The loop is open")
    assert not has_hole(alive(demo))
    assert demo.living > 60
    demo.click("Undo")
    demo.settle()
    assert has_hole(alive(demo))


def test_half_of_the_cells_forget(demo):
    begin(demo, "Wipe")
    go_on(demo, "forgotten everything")
    demo.click("Pause")
    picture = demo.picture()
    silent = ~picture["state"].any(axis=1)
    columns = picture["positions"] % 56
    middle = (columns.min() + columns.max()) / 2
    assert silent[columns <= middle].mean() > 0.5  # a few may have taken a step since
    assert not silent[columns > middle].any()
    demo.run(100)
    assert demo.get("census().undecided") == 0


def test_the_same_digit_under_two_models(demo):
    begin(demo, "Compare")
    demo.until("demo.twin() !== undefined")
    demo.run(150)
    assert demo.get("running") == "l2_noise"
    assert "beside=ce" in demo.page.url
    expect(demo.page.locator("#main-title")).to_have_text("L2 + Residual Noise")
    expect(demo.page.locator("#twin-title")).to_have_text("Cross Entropy")
    demo.click("Pause")
    demo.settle()
    twin = {
        k: np.array(v)
        for k, v in demo.page.evaluate(
            "() => {const {gray, state} = window.demo.twin();"
            "return {gray: [...gray], state: [...state]}}"
        ).items()
    }
    picture = demo.picture()
    np.testing.assert_allclose(twin["gray"].reshape(56, 56), picture["gray"])
    assert np.abs(twin["state"]).mean() > 3 * np.abs(picture["state"]).mean()
    # What is drawn on either is drawn on both.
    for canvas, at in (("#cells", 5), ("#twin", 50)):
        box = demo.page.locator(canvas).bounding_box()
        x, y = (box[c] + at * box[s] / 56 for c, s in (("x", "width"), ("y", "height")))
        demo.page.mouse.move(x, y)
        demo.page.mouse.down()
        demo.page.mouse.up()
        demo.settle()
        assert demo.picture()["gray"][at, at] > 0.5
        assert demo.page.evaluate(f"window.demo.twin().gray[{at * 57}]") > 0.5
    # It is in the link, too, and one gets out of it.
    link = demo.page.evaluate("location.hash.slice(1)")
    demo.click("Back to one canvas")
    demo.until("demo.twin() === undefined")
    expect(demo.page.locator("#twin")).to_be_hidden()
    demo.open(link)
    demo.until("demo.twin() !== undefined")
    expect(demo.page.locator("#twin")).to_be_visible()
    demo.choice("Backend").select_option("cpu")
    demo.until("demo.backend === 'cpu'")
    demo.run(2)
    assert demo.get("twin().step") == demo.step


def test_two_digits_touch(demo):
    begin(demo, "Join")
    assert len(demo.get("census().pieces")) == 2
    go_on(demo, "A bridge joins the two")
    demo.settle()
    assert len(demo.get("census().pieces")) == 1


def test_what_the_user_does_ends_an_experiment(demo):
    demo.click("Join")
    demo.until("demo.step > 0")
    demo.click("Digit 1")
    demo.run(300)
    demo.page.wait_for_timeout(2200)  # longer than an experiment waits
    assert demo.notice.inner_text() == ""
    assert "digit=1-0" in demo.page.url


def test_too_big_is_told_and_shrunk(demo):
    begin(demo, "Enlarge")
    demo.click("Pause")
    too_large = demo.page.locator("#too-large-text")
    expect(too_large).to_contain_text("The model was trained on digits of up to 28 cells")
    rows, _ = np.nonzero(alive(demo))
    assert np.ptp(rows) > 35
    demo.button("Shrink it").click()
    demo.settle()
    rows, columns = np.nonzero(alive(demo))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (20, 21, 22)
    assert abs(rows.mean() - 28) < 4
    assert not demo.picture()["state"].any()
    expect(too_large).to_have_text("")
    expect(demo.button("Shrink it")).to_be_hidden()
    demo.run(150)
    assert demo.get("census().share") > 0.9
    demo.click("Undo")
    demo.settle()
    assert np.ptp(np.nonzero(alive(demo))[0]) > 35
    expect(too_large).to_contain_text("trained on digits of up to 28 cells")


def test_large_strokes_are_told_and_usual_ones_not(demo):
    demo.click("Bin")
    demo.stroke((28, 14), (28, 40))
    demo.run(1)
    demo.page.wait_for_timeout(800)  # the words come a little later than the picture
    too_large = demo.page.locator("#too-large-text")
    assert too_large.inner_text() == ""
    demo.stroke((28, 40), (28, 54))
    expect(too_large).to_contain_text("This piece is 4")


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """The export of a model with more channels and hidden ones, trained on larger digits."""
    from export import exporting
    from selforg_mnist.model import CAModel
    from selforg_mnist.readers.rule_arrays import LoadedModel

    folder = tmp_path_factory.mktemp("wide") / "wide"
    model = CAModel(24, 96, residual_noise=0.02)
    rng = np.random.default_rng(0)
    model.set_weights([0.05 * rng.standard_normal(w.shape) for w in model.get_weights()])
    exporting.write(LoadedModel(model, "wide", "a new one", "wide", None), folder, check=False)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "sizes" not in manifest
    (folder / "manifest.json").write_text(json.dumps(manifest | {"sizes": [0.7, 2.2]}))
    return folder


def test_a_wider_model_trained_on_sizes(demo, wide):
    demo.run(30)
    demo.page.locator("#folder").set_input_files(wide)
    demo.until("demo.running === 'wide'")
    expect(demo.notice).to_contain_text("The cells start again: wide")
    picture = demo.picture()
    assert picture["state"].shape[1] == 23
    demo.run(3)
    demo.choice("View").select_option("channels")
    demo.settle()
    demo.page.get_by_role("img", name="All channels", exact=True).focus()
    for _ in range(13):
        demo.page.keyboard.press("ArrowRight")
    expect(demo.page.get_by_role("img", name="Channel of label 9", exact=True)).to_be_visible()
    demo.choice("View").select_option("cells")
    # It was trained on digits of this size: there is nothing to say.
    demo.click("Enlarge")
    demo.run(3)
    demo.page.wait_for_timeout(800)
    assert demo.page.locator("#too-large-text").inner_text() == ""
    # Back, and on again, by undo too.
    demo.use_model("l2")
    assert demo.picture()["state"].shape[1] == 19
    demo.click("Undo")
    demo.settle()
    demo.run(2)
    assert np.isfinite(demo.picture()["state"]).all()


def test_the_manifest_tells_the_sizes_of_the_record(monkeypatch, tmp_path):
    from export import manifest
    from export.conversion import Names
    from export.equality import Graph
    from selforg_mnist import weights

    loaded = weights.load("l2")
    record = json.loads(weights.shipped_path("l2").with_suffix(".json").read_text())
    graph = Graph(tmp_path / "model.json", Names({}, {}))

    def made():
        return manifest.manifest(tmp_path, loaded, graph, graph, None)

    assert "sizes" not in made()
    assert 5 < made()["largest_state"] < 30
    monkeypatch.setattr(weights, "shipped_path", lambda name: tmp_path / f"{name}.keras")
    (tmp_path / "l2.json").write_text(json.dumps(record | {"sizes": [0.7, 2.2]}))
    assert made()["sizes"] == [0.7, 2.2]


def test_without_the_models_that_it_compares_there_is_no_such_experiment(browser, site, tmp_path):
    import shutil

    from export import serving

    shutil.copytree(site, tmp_path / "site")
    index = tmp_path / "site" / "models" / "index.json"
    index.write_text(index.read_text().replace(', "ce"', ""))
    with serving.serve(tmp_path / "site") as address, tab(browser, address) as demo:
        demo.open()
        expect(demo.button("Cut")).to_be_visible()
        expect(demo.button("Compare")).to_have_count(0)
