"""Command: writes a model for the web, as TensorFlow.js graphs that are compared with it.

    python -m export.tfjs --weights=l2_noise --output_dir=l2_noise_web

Writes manifest.json, model.json (the article's graph) and living/model.json (living cells only),
with their weights. Needs the extra `export`. The comparison needs Node and the packages that
`npm ci` installs in export/demo. Takes about ten seconds. Flags and wiring only; `--help` lists
the flags.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from export import exporting
from selforg_mnist import startup, weights_flags
from selforg_mnist.errors import UserError

_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir",
    "",
    "Folder to write to: empty, missing, or an earlier export, which is replaced.",
)
_LAYOUT = flags.DEFINE_enum(
    "layout",
    "tfjs",
    exporting.LAYOUTS,
    "tfjs: weights in files of their own; single_file: inside model.json, as the article's page "
    "has it.",
)
_CHECK = flags.DEFINE_bool(
    "check", True, "Run the written graphs and compare them with the model."
)
flags.adopt_module_key_flags(weights_flags)


def _check() -> Path:
    weights_flags.check()
    if not _OUTPUT_DIR.value:
        raise UserError(
            "output_dir=: expected a folder to write to, such as --output_dir=l2_noise_web"
        )
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    exporting.check_ready(output_dir, _CHECK.value)
    return output_dir


def _tfjs() -> int:
    output_dir = _check()  # before TensorFlow is loaded, so that a mistake shows at once
    exporting.write(weights_flags.load(), output_dir, _LAYOUT.value, _CHECK.value)
    paths = sorted(path for path in output_dir.rglob("*") if path.is_file())
    names = ", ".join(path.relative_to(output_dir).as_posix() for path in paths)
    print(f"Written to {output_dir}: {names}")
    return 0


if __name__ == "__main__":
    startup.run(_tfjs)
