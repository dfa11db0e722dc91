"""Command: lets the cells of a picture find out which digit they form.

    python -m selforg_mnist.classify digit.png

A picture shows one digit, dark on light or light on dark. Without --weights and --run_dir, the
model is `robust`. Flags and wiring only; `--help` lists the flags.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from selforg_mnist import spec, startup, weights_flags
from selforg_mnist.data import canvas
from selforg_mnist.data.picture_file import PictureError
from selforg_mnist.errors import UserError
from selforg_mnist.pictures import films

if TYPE_CHECKING:
    from selforg_mnist.readers.rule_arrays import LoadedModel

_SIZE = flags.DEFINE_integer("size", spec.IMAGE_SIZE, "Side of the canvas, in cells.")
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the fire masks and the noise.")
_GIF = flags.DEFINE_string(
    "gif", "", "File for a film of the cells as they decide: .gif, .mp4 or .webp."
)
_JSON = flags.DEFINE_bool("json", False, "Print one JSON document instead of lines.")
flags.adopt_module_key_flags(weights_flags)


def _check(images: list[str]) -> None:
    weights_flags.check(weights_flags.FOR_PICTURES)
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


@functools.cache
def _model() -> LoadedModel:
    """The model. A mistake shows at once, because TensorFlow isn't loaded before it is needed."""
    return weights_flags.load(weights_flags.FOR_PICTURES)


def _answer(image: str) -> dict[str, Any]:
    """Classifies one picture; prints the answer, unless --json is given.

    One by one, because the answer for a picture must not depend on the others.

    Raises:
      PictureError: the picture can't be read, or doesn't show one digit.
    """
    picture = canvas.read(Path(image).expanduser(), _SIZE.value)
    from selforg_mnist.evaluation import classification

    loaded, how = _model(), (_STEPS.value, _SEED.value)
    if _GIF.value:
        frames = classification.film(loaded.model, picture, *how)
        films.write(frames, Path(_GIF.value).expanduser(), classification.FILM_FPS)
        logging.info("Film: %s.", _GIF.value)
    (decision,) = classification.classify(loaded.model, picture[None], *how)
    if not _JSON.value:
        print(f"{image}: {classification.in_words(decision, _STEPS.value)}", flush=True)
    used = {"weights": loaded.given, "residual_noise": loaded.model.residual_noise}
    used |= {flag.name: flag.value for flag in (_SIZE, _STEPS, _SEED)}
    return {"image": image} | dataclasses.asdict(decision) | used


def _classify(images: list[str]) -> int:
    _check(images)
    answers = []
    for image in images:
        try:
            answers.append(_answer(image))
        except PictureError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            answers.append({"image": image, "error": str(error)})
    if _JSON.value:
        print(json.dumps(answers, indent=2))
    return 1 if any("error" in answer for answer in answers) else 0


if __name__ == "__main__":
    startup.run(_classify, positional="IMAGE")
