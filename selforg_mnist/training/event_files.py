"""TensorBoard's event files: read, and cut back to a training step.

A run that resumes from a checkpoint repeats the steps after it. What the files hold about those
steps must be removed first, also in a TensorBoard that is watching. `summaries.py` writes them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.backend.event_processing import event_file_loader


def find(folder: Path) -> list[Path]:
    """The event files of a folder in TensorBoard's order: by name, which begins with the time."""
    return sorted(folder.glob("events.out.tfevents.*"))


def read(path: Path) -> Iterator[tuple[bytes, Any]]:
    """The raw and the parsed records of an event file, up to one that a kill cut off."""
    for record in event_file_loader.RawEventFileLoader(str(path)).Load():
        yield record, tf.compat.v1.Event.FromString(record)


def take_back(folder: Path, step: int) -> None:
    """Removes everything later than `step` from the event files of a folder.

    What stays is copied to one new file, and the old files are deleted. A TensorBoard that is
    watching still keeps what it has read. Its Python loader keeps it until it reads a restart.
    Its default loader knows no restarts and keeps it until a tag comes again with an equal or
    earlier step. So the new file begins with a restart at step 0 and repeats everything.
    """
    old = find(folder)
    if not old:
        return
    kept: list[bytes] = []
    for path in old:
        for record, said in read(path):
            if said.HasField("session_log"):  # from an earlier file like ours: it repeats all
                kept.clear()
            elif said.HasField("summary") and said.step <= step:
                kept.append(record)
    event, log = tf.compat.v1.Event, tf.compat.v1.SessionLog
    start = event(session_log=log(status=log.START))
    # Twice: the Python loader doesn't count the first start as a restart.
    heads = [event(file_version="brain.Event:2"), start, start]
    beside = folder / "resumed.partial"  # by this name, not an event file for TensorBoard
    with tf.io.TFRecordWriter(str(beside)) as writer:
        for head in heads:
            head.wall_time = time.time()
            writer.write(head.SerializeToString())
        for record in kept:
            writer.write(record)
    os.replace(beside, old[-1].with_name(f"{old[-1].name}.resumed"))
    for path in old:
        path.unlink()
    # The name of the next file must sort after this one's, and names only have whole seconds.
    second = int(old[-1].name.split(".")[3])
    time.sleep(max(0.0, min(1.0, second + 1 - time.time())))
