"""The pages for people: links lead somewhere, commands exist, none is too long.

The spread over seeds in the README's table is computed again.
"""

import importlib.util
import json
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, ROOT / "BUILD.md", *DOCS]
RESULTS = ROOT / "experiments" / "results"


def in_each(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@in_each(PAGES)
def test_links_lead_to_files_and_headings(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    relative = [link for link in links if "://" not in link]
    assert relative
    dead = []
    for link in relative:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@in_each(PAGES)
def test_commands_exist(page):
    names = set(re.findall(r"python -m ([\w.]+\w)", page.read_text(encoding="utf-8")))
    assert not {name for name in names if not exists(name)}


@pytest.mark.slow
def test_example_in_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a SavedModel
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), names)
    assert names["logits"].shape == (16, 28, 28, 10)
    assert names["labels"].shape == (16, 28, 28)
    assert names["curves"].steps == 50


def exists(command: str) -> bool:
    """Whether `python -m` finds a module, or a package that can be run."""
    try:
        spec = importlib.util.find_spec(command)
        if spec is not None and spec.submodule_search_locations:
            spec = importlib.util.find_spec(f"{command}.__main__")
    except ModuleNotFoundError:
        return False
    return spec is not None


@pytest.mark.parametrize("experiment", ["l2", "l2_noise"])
def test_three_seeds_in_the_table_are_those_of_the_evaluations_kept(experiment):
    folders = [RESULTS / "reproduction" / experiment]
    folders += sorted((RESULTS / "seeds").glob(f"{experiment}_[0-9]"))
    runs = [json.loads((f / "summary.json").read_text())["before_mutation"] for f in folders]
    cells = []
    for name in runs[0]:  # in the order of the table's columns
        values = [run[name]["value"] for run in runs]
        cells.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}")
    row = rf"^\| \*\*`{experiment}`\*\*.*\n\| three seeds \| (.*) \|$"
    found = re.findall(row, README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(runs) == 3
    assert found == [" | ".join(cells)]


def test_nothing_is_too_long():
    lines = {page: len(page.read_text(encoding="utf-8").splitlines()) for page in PAGES}
    assert lines[README] <= 150
    assert not [page.name for page in DOCS if lines[page] >= 150]


def test_every_page_is_linked_from_the_readme():
    text = README.read_text(encoding="utf-8")
    assert DOCS
    assert not [page.name for page in DOCS if f"(docs/{page.name})" not in text]
