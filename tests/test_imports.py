"""Keeps the package in layers: who may import whom.

A module of `selforg_mnist` imports only modules of lower layers, wherever in the file the import
stands, and nobody uses another module's private names. `experiments/` and `export/` are built on
the package, which therefore never imports them.
"""

import ast
import textwrap
from pathlib import Path

import pytest

PACKAGE = "selforg_mnist"
BUILT_ON_IT = ("experiments", "export")
ROOT = Path(__file__).resolve().parents[1]

# A new module goes into the lowest layer above everything that it imports. A subpackage counts
# as one module.
LAYERS = {
    "__init__": -1,  # imports no module; every module may import its `__version__`
    "spec": 0,
    "errors": 0,
    "article": 1,
    "experiments": 1,
    "startup": 1,
    "interrupts": 1,
    "randomness": 1,
    "strokes": 1,
    "tfds_reader": 1,
    "losses": 1,
    "metrics": 1,
    "optimizer": 1,
    "checkpoints": 1,
    "render": 1,
    "figures": 1,
    "event_files": 1,
    "output_files": 1,
    "tensor_bundle": 1,
    "hdf5_arrays": 1,
    "ink": 1,
    "pieces": 1,
    "film_parts": 1,
    "film_palette": 1,
    "canvas": 2,
    "film_frames": 2,
    "films": 2,
    "digits": 2,
    "augmentation": 3,
    "model": 2,
    "rule_arrays": 3,
    "graph_model": 4,
    "keras_file": 4,
    "notebook_checkpoint": 4,
    "weights": 5,
    "weights_flags": 6,
    "computing": 2,
    "pool": 2,
    "living_cells": 3,
    "living_rollout": 4,
    "padded_cells": 4,
    "padded_rollout": 5,
    "engines": 6,
    "run_config": 3,
    "data_flags": 3,
    "strategies": 3,
    "trainer": 7,
    "replicas": 8,
    "evaluation": 5,
    "trajectory": 5,
    "summaries": 6,
    "progress": 8,
    "training_loop": 9,
    "train": 10,
    "evaluation_report": 6,
    "evaluate": 8,
    "classification": 7,
    "classify": 8,
}


def _module_of(path: Path, root: Path) -> str:
    """`selforg_mnist/a.py` and everything in `selforg_mnist/a/` are module `a`."""
    return path.relative_to(root / PACKAGE).with_suffix("").parts[0]


def _sources(root: Path, package: str) -> list[Path]:
    return [p for p in sorted((root / package).rglob("*.py")) if "node_modules" not in p.parts]


def _imports(tree: ast.AST, path: Path, root: Path):
    """Yields each import as (node, dotted module, imported name or None, name it is bound to)."""
    package_of_file = path.relative_to(root).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds `a`, so its names are reached as `a.b.name`.
                yield node, alias.name, None, alias.asname or alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: one dot is the file's own package
                parents = package_of_file[: len(package_of_file) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield node, base, alias.name, alias.asname or alias.name


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _violations_in(path: Path, root: Path, layers: dict[str, float]) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    in_package = path.relative_to(root).parts[0] == PACKAGE
    own = _module_of(path, root) if in_package else None
    found = []

    def report(node, message):
        found.append(f"{path.relative_to(root)}:{node.lineno}: {message}")

    bound: dict[str, str] = {}  # local (dotted) name -> the module of ours that it stands for
    for node, base, name, local in _imports(tree, path, root):
        first, *rest = base.split(".")
        if first in BUILT_ON_IT and in_package:
            report(node, f"{PACKAGE} imports {base}, which is built on it")
        if first != PACKAGE:
            continue
        names_module = bool(rest)
        if not rest:  # `import selforg_mnist`, `from selforg_mnist import x`
            rest = [name] if name in layers or _exists(root, name) else ["__init__"]
            names_module = rest != ["__init__"]
        target = rest[0]
        if target == own:
            continue  # a subpackage's own files
        if names_module and (name is None or base == PACKAGE):
            bound[local] = target
        elif name is not None and _is_private(name):
            report(node, f"takes the private {name} of {PACKAGE}.{target}")
        if in_package and target in layers and own in layers and layers[target] >= layers[own]:
            report(
                node,
                f"{own} (layer {layers[own]}) imports {target} (layer {layers[target]}); "
                "only lower layers may be imported",
            )

    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and _is_private(node.attr)
            and (target := bound.get(ast.unparse(node.value)))
        ):
            report(node, f"takes the private {node.attr} of {PACKAGE}.{target}")
    return found


def _exists(root: Path, name: str | None) -> bool:
    folder = root / PACKAGE
    return name is not None and ((folder / f"{name}.py").exists() or (folder / name).is_dir())


def violations(root: Path, layers: dict[str, float]) -> list[str]:
    """Lists each forbidden import below `root` as `file:line: what is wrong`."""
    files = [p for package in (PACKAGE, *BUILT_ON_IT) for p in _sources(root, package)]
    return [message for path in files for message in _violations_in(path, root, layers)]


def test_every_module_has_a_layer():
    modules = {_module_of(path, ROOT) for path in _sources(ROOT, PACKAGE)}
    assert modules - set(LAYERS) == set(), "modules without a layer: add them to LAYERS above"
    assert set(LAYERS) - modules == set(), "layers without a module: take them out of LAYERS above"


def test_imports_go_down_only():
    assert violations(ROOT, LAYERS) == []


def _tree(root: Path, **sources: str) -> Path:
    """Writes a small package: `low` is layer 0, `left` and `right` are layer 1."""
    files = {f"{PACKAGE}/__init__": "__version__ = '1'", f"{PACKAGE}/low": "X = _Y = 1"}
    files |= {f"{PACKAGE}/left": "", f"{PACKAGE}/right": "", "experiments/study": ""}
    files |= {name.replace("__", "/", 1): source for name, source in sources.items()}
    for name, source in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
    return root


SMALL = {"__init__": -1, "low": 0, "left": 1, "right": 1}


@pytest.mark.parametrize(
    "source",
    [
        "import selforg_mnist.low",
        "import selforg_mnist.low as low\nlow.__doc__",
        "from selforg_mnist import low, __version__\nlow.X",
        "from selforg_mnist.low import X",
        "from .low import X",
        "from . import low",
        "import experiments_of_mine, numpy.low",
        "def f(self):\n    return self._right",
    ],
)
def test_allowed_imports_pass(tmp_path, source):
    assert violations(_tree(tmp_path, selforg_mnist__left=source), SMALL) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import selforg_mnist.right", "imports right"),
        ("import selforg_mnist.right as r", "imports right"),
        ("from selforg_mnist import low, right", "imports right"),
        ("from selforg_mnist.right import f", "imports right"),
        ("from . import right", "imports right"),
        ("from .right import f", "imports right"),
        ("def f():\n    from selforg_mnist import right", "imports right"),
        ("if TYPE_CHECKING:\n    import selforg_mnist.right", "imports right"),
        ("from selforg_mnist.low import _Y", "private _Y"),
        ("from .low import _Y as y", "private _Y"),
        ("from selforg_mnist import low\nlow._Y", "private _Y"),
        ("import selforg_mnist.low\nselforg_mnist.low._Y", "private _Y"),
        ("import selforg_mnist.low as l\nl._Y", "private _Y"),
        ("import experiments", "built on it"),
        ("from export.tfjs import convert", "built on it"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path, source, message):
    (found,) = violations(_tree(tmp_path, selforg_mnist__left=source), SMALL)
    assert found.startswith(f"{PACKAGE}/left.py:")
    assert message in found


def test_the_lower_layer_may_not_import_the_higher(tmp_path):
    (found,) = violations(_tree(tmp_path, selforg_mnist__low="from . import left"), SMALL)
    assert "low (layer 0) imports left (layer 1)" in found


def test_what_is_built_on_the_package_may_not_use_private_names(tmp_path):
    source = "from selforg_mnist import left\nfrom selforg_mnist.low import _Y"
    (found,) = violations(_tree(tmp_path, experiments__study=source), SMALL)
    assert found == "experiments/study.py:2: takes the private _Y of selforg_mnist.low"
