"""Command: lets the cells of a picture find out which digit they form.

    python -m selforg_mnist.classify digit.png

Takes PNG, JPEG or any other picture that Pillow opens. A picture shows one digit, dark on light
or light on dark. Flags and wiring only; `--help` lists the flags.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags, logging

from selforg_mnist import spec, startup, weights
from selforg_mnist.data import canvas
from selforg_mnist.errors import UserError
from selforg_mnist.pictures import films

_WEIGHTS = flags.DEFINE_string(
    "weights",
    "l2_noise",
    "ce, l2 or l2_noise (shipped), a .keras file, the article's one-file model.json, or the "
    "prefix of a checkpoint of the authors' notebook.",
)
_SIZE = flags.DEFINE_integer("size", spec.IMAGE_SIZE, "Side of the canvas, in cells.")
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the fire masks and the noise.")
_GIF = flags.DEFINE_string(
    "gif", "", "File for a film of the cells as they decide: .gif, .mp4 or .webp."
)
_JSON = flags.DEFINE_bool("json", False, "Print one JSON document instead of lines.")


def _check(images: list[str]) -> None:
    seeds = (_SEED, -(2**63), 2**63 - 1)
    for flag, least, most in ((_SIZE, 14, 512), (_STEPS, 1, 100_000), seeds):
        if not least <= flag.value <= most:
            raise UserError(f"{flag.name}={flag.value}: expected {least} to {most}")
    if _GIF.value and len(images) > 1:
        raise UserError(
            f"gif={_GIF.value}: a film shows one image, but {len(images)} are given; give one"
        )
    if _GIF.value:
        films.check(Path(_GIF.value))
    weights.check(_WEIGHTS.value)


def _decide(pictures: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Classifies the pictures one by one; prints each answer, unless --json is given."""
    from selforg_mnist.evaluation import classification

    model, how = weights.load(_WEIGHTS.value).model, (_STEPS.value, _SEED.value)
    answers = []
    for image, picture in pictures.items():
        if _GIF.value:
            frames = classification.film(model, picture, *how)
            films.write(frames, Path(_GIF.value).expanduser(), classification.FILM_FPS)
            logging.info("Film: %s.", _GIF.value)
        # One by one, so that the answer for an image doesn't depend on the others.
        (decision,) = classification.classify(model, picture[None], *how)
        if not _JSON.value:
            print(f"{image}: {classification.in_words(decision, _STEPS.value)}", flush=True)
        flags_used = {flag.name: flag.value for flag in (_WEIGHTS, _SIZE, _STEPS, _SEED)}
        answers.append({"image": image} | dataclasses.asdict(decision) | flags_used)
    return answers


def _classify(images: list[str]) -> int:
    _check(images)
    pictures, errors = {}, []
    for image in images:  # before TensorFlow is loaded, so that a mistake shows at once
        try:
            pictures[image] = canvas.read(Path(image).expanduser(), _SIZE.value)
        except canvas.CanvasError as error:
            print(f"error: {error}", file=sys.stderr)
            errors.append({"image": image, "error": str(error)})
    answers = _decide(pictures) if pictures else []
    if _JSON.value:
        print(json.dumps(answers + errors, indent=2))
    return 1 if errors else 0


def main() -> None:
    """Runs the command."""
    startup.run(_classify, positional="IMAGE")


if __name__ == "__main__":
    main()
