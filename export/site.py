"""Command: builds the page, with its models and digits, and serves it.

    python -m export.site [--serve]

The folder export/demo/dist then holds everything: any server of static files can serve it, from
any folder. Needs Node, the extra `export`, and npm's registry the first time. Takes about twenty
seconds.
"""

from __future__ import annotations

import time
from pathlib import Path

from absl import flags, logging

from export import building, page_models, serving
from selforg_mnist import data_flags, startup, weights

_MODELS = flags.DEFINE_list(
    "models",
    list(building.MODELS),
    "Models that the page offers, the first one at the start: shipped weights, or your own files.",
)
_SERVE = flags.DEFINE_bool("serve", False, "Serve the page to this machine until Ctrl-C.")
_PORT = flags.DEFINE_integer("port", 8000, "Port to serve the page on; 0: any free one.")
flags.adopt_module_key_flags(data_flags)


def _serve(site: Path) -> None:
    with serving.serve(site, _PORT.value) as address:
        print(f"{address} (Ctrl-C ends it)", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print()


def _site() -> int:
    names = page_models.names(_MODELS.value)
    for model in _MODELS.value:
        weights.check(model)
    data_flags.check()
    if _SERVE.value:
        serving.check_port(_PORT.value)
    npm = building.find_tools()
    digits = data_flags.load(building.SPLIT, seed=0)
    logging.info("Digits: %s.", digits.note)
    site = building.build(npm, _MODELS.value, digits)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{site}: {', '.join(names)}, digits of {digits.source}, {size / 1e6:.1f} MB")
    if _SERVE.value:
        _serve(site)
    return 0


if __name__ == "__main__":
    startup.run(_site)
