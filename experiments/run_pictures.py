"""Command: extracts the pictures of a run from its TensorBoard files, for pages and reports.

    python -m experiments.run_pictures --run_dir=runs/l2_noise --output_dir=pictures

Writes the newest of each: curves.png, batch_1_before.png, batch_2_after.png, pool.png. Takes
seconds. This made the pictures in docs/training.md, from a run of 3,000 steps.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags, logging

from selforg_mnist import output_files, startup
from selforg_mnist.errors import UserError

_RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of a run.", required=True)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the pictures.", required=True)


def save_pictures(run_dir: Path, output_dir: Path) -> list[Path]:
    """Writes the newest picture of each tag of a run, as PNG files; returns their paths.

    Raises:
      UserError: the run has no pictures, or the folder can't be written.
    """
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    # 0 keeps all events, and so the newest one.
    runs = EventMultiplexer(size_guidance={"tensors": 0})
    runs.AddRunsFromDirectory(str(run_dir / "tensorboard")).Reload()
    written = []
    for run in ("evaluation", "training"):
        if run not in runs.Runs():
            continue
        for tag in runs.PluginRunToTagToContent("images").get(run, {}):
            # An image summary holds width and height before the encoded picture.
            png = runs.Tensors(run, tag)[-1].tensor_proto.string_val[2]
            path = output_dir / f"{tag.split('/')[-1]}.png"
            output_files.write_bytes(path, png)
            written.append(path)
    if not written:
        raise UserError(
            f"run_dir={run_dir}: expected a run with pictures in its tensorboard folder; "
            "they come with the first evaluation"
        )
    return written


def _run() -> int:
    for path in save_pictures(Path(_RUN_DIR.value), Path(_OUTPUT_DIR.value)):
        logging.info("Wrote %s.", path)
    return 0


if __name__ == "__main__":
    startup.run(_run)
