"""Checks the structure: imports run downwards, without circles, and take no private names.

A folder of `selforg_mnist` counts as one wing, and so does each file beside `model.py`. It imports
only from lower floors and from itself, wherever in the file the import stands.
"""

import ast
import graphlib
import textwrap
from pathlib import Path

import pytest

PACKAGE = "selforg_mnist"
ROOT = Path(__file__).resolve().parents[1]

# From the ground up. A new folder, or a new file beside `model.py`, goes on the lowest floor above
# all that it imports.
FLOORS = (
    ("__init__",),  # every module may import its `__version__`
    ("spec", "errors"),
    ("startup", "output_files", "experiment", "randomness"),
    ("model", "data"),
    ("cells", "pictures", "readers"),
    ("evaluation",),
    ("training",),
    ("weights",),
    ("data_flags", "weights_flags"),
    ("train", "evaluate", "classify"),
    ("experiments",),
    ("export",),
)


def modules(root: Path) -> dict[str, Path]:
    """All modules by their dotted names."""
    found = {}
    for package in (PACKAGE, "experiments", "export"):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if "node_modules" not in parts:
                found[".".join(p for p in parts if p != "__init__")] = path
    return found


def wing_of(module: str) -> str:
    first, *rest = module.split(".")
    return (rest or ["__init__"])[0] if first == PACKAGE else first


def imports(path: Path, known: dict[str, Path]):
    """Yields (line, module of ours, name taken from it or None, name that it is bound to)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in known:
                    yield node.lineno, alias.name, None, alias.asname or alias.name
        elif isinstance(node, ast.ImportFrom):
            base = f"{'.' * node.level}{node.module or ''}"
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                if whole in known:
                    yield node.lineno, whole, None, alias.asname or alias.name
                elif base in known or node.level:
                    yield node.lineno, base, alias.name, None


def is_private(name: str | None) -> bool:
    return bool(name) and name.startswith("_") and not name.endswith("__")


def violations(root: Path, floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """Lists what is forbidden below `root`, as `file:line: what is wrong`."""
    known = modules(root)
    height = {wing: i for i, floor in enumerate(floors) for wing in floor}
    found, graph = [], {}
    for module, path in known.items():
        where, own = path.relative_to(root), wing_of(module)
        if own not in height:
            found.append(f"{where}:1: {own} has no floor")
            continue
        bound, graph[module] = {}, set()
        for line, target, name, local in imports(path, known):
            if target.startswith("."):
                found.append(f"{where}:{line}: a relative import; expected `from {PACKAGE}...`")
                continue
            bound[local] = target
            graph[module].add(target)
            wing = wing_of(target)
            if wing != own and height.get(wing, -1) >= height[own]:
                found.append(f"{where}:{line}: {own} imports {wing}, which is no lower")
            if is_private(name):
                found.append(f"{where}:{line}: takes the private {name} of {target}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and is_private(name := node.attr)
                and (target := bound.get(ast.unparse(node.value)))
            ):
                found.append(f"{where}:{node.lineno}: takes the private {name} of {target}")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found.append(f"a circle: {' imports '.join(reversed(error.args[1]))}")
    return found


@pytest.mark.slow
def test_imports_run_downwards():
    assert violations(ROOT, FLOORS) == []


def test_every_entry_of_the_table_is_there():
    assert {wing for floor in FLOORS for wing in floor} == {wing_of(m) for m in modules(ROOT)}


@pytest.mark.slow
def test_no_test_imports_another():
    tests = list((ROOT / "tests").rglob("*.py"))
    names = {path.stem for path in tests if path.stem.startswith("test_")}
    for path in tests:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            taken = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            taken += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert names.isdisjoint(str(name).split(".")[-1] for name in taken), path


SMALL = (("__init__",), ("low",), ("left", "right"), ("experiments",))


def planted(root: Path, **sources: str) -> list[str]:
    """What is found in a small package of these files; `left/` is a folder, `__` stands for /."""
    files = {"selforg_mnist__low": "X = _Y = 1", "selforg_mnist__left__deep": ""}
    files |= {"selforg_mnist__right": "", "experiments__study": ""} | sources
    for name, source in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
    (root / PACKAGE / "__init__.py").write_text("__version__ = '1'")
    return violations(root, SMALL)


@pytest.mark.parametrize(
    "source",
    [
        "import selforg_mnist.low",
        "from selforg_mnist import low, __version__\nlow.X, low.__doc__",
        "from selforg_mnist.low import X",
        "from selforg_mnist.left import deep",
        "import experiments_of_mine, numpy.low",
        "def f(self):\n    return self._right",
    ],
)
def test_allowed_imports_pass(tmp_path, source):
    assert planted(tmp_path, selforg_mnist__left__other=source) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import selforg_mnist.right as r", "imports right"),
        ("from selforg_mnist import low, right", "imports right"),
        ("from selforg_mnist.right import f", "imports right"),
        ("def f():\n    from selforg_mnist import right", "imports right"),
        ("if TYPE_CHECKING:\n    import selforg_mnist.right", "imports right"),
        ("import experiments.study", "imports experiments"),
        ("from ..low import X", "relative"),
        ("from . import deep", "relative"),
        ("from selforg_mnist.low import _Y as y", "private _Y"),
        ("from selforg_mnist import low as l\nl._Y", "private _Y"),
        ("import selforg_mnist.low\nselforg_mnist.low._Y", "private _Y"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path, source, message):
    (found,) = planted(tmp_path, selforg_mnist__left__other=source)
    assert found.startswith("selforg_mnist/left/other.py:")
    assert message in found


def test_a_lower_floor_a_circle_and_a_stranger_are_caught(tmp_path):
    (upwards,) = planted(tmp_path / "a", selforg_mnist__low="from selforg_mnist.left import deep")
    assert upwards == "selforg_mnist/low.py:1: low imports left, which is no lower"
    one, other = (f"from selforg_mnist.left import {name}" for name in ("other", "deep"))
    (circle,) = planted(
        tmp_path / "b", selforg_mnist__left__deep=one, selforg_mnist__left__other=other
    )
    assert circle.startswith("a circle: ")
    (stranger,) = planted(tmp_path / "c", selforg_mnist__new="")
    assert stranger == "selforg_mnist/new.py:1: new has no floor"
