"""TensorBoard's event files, read back and cut to what happened up to a training step.

A run that resumes from a checkpoint repeats the steps after it; what the files say of those
has to go first, also in a TensorBoard that is watching. What is written is up to `summaries.py`.
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
    """The event files of a folder, as TensorBoard reads them: by name, which begins with time."""
    return sorted(folder.glob("events.out.tfevents.*"))


def read(path: Path) -> Iterator[tuple[bytes, Any]]:
    """The records of an event file and their meaning, up to one that a kill cut off."""
    for record in event_file_loader.RawEventFileLoader(str(path)).Load():
        yield record, tf.compat.v1.Event.FromString(record)


def take_back(folder: Path, step: int) -> None:
    """Leaves, of what the event files of a folder say, that of `step` or earlier.

    What stays is copied to one new file and the old ones are deleted. A TensorBoard that is
    watching keeps what it has read, though: its Python loader until it reads of a restart, its
    default loader, which knows no restarts, until a tag comes again with a step no later. So
    the new file opens with a restart at step 0 and repeats everything.
    """
    old = find(folder)
    if not old:
        return
    kept: list[bytes] = []
    for path in old:
        for record, said in read(path):
            if said.HasField("session_log"):  # of an earlier file like ours: it says all again
                kept.clear()
            elif said.HasField("summary") and said.step <= step:
                kept.append(record)
    event, log = tf.compat.v1.Event, tf.compat.v1.SessionLog
    start = event(session_log=log(status=log.START))
    # Twice: the first start that the Python loader reads of isn't yet a restart to it.
    heads = [event(file_version="brain.Event:2"), start, start]
    beside = folder / "resumed.partial"  # no event file to TensorBoard, by its name
    with tf.io.TFRecordWriter(str(beside)) as writer:
        for head in heads:
            head.wall_time = time.time()
            writer.write(head.SerializeToString())
        for record in kept:
            writer.write(record)
    os.replace(beside, old[-1].with_name(f"{old[-1].name}.resumed"))
    for path in old:
        path.unlink()
    # The next file's name has to come after this one's, and names tell seconds only.
    second = int(old[-1].name.split(".")[3])
    time.sleep(max(0.0, min(1.0, second + 1 - time.time())))
