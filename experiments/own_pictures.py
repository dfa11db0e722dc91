"""Command: how well `classify` answers pictures that people make themselves.

    python -m experiments.own_pictures --dataset=mnist

The pictures are digits of the dataset as PNG files; drawn digits of 20 to 900 pixels, with pens of
1 to 110; and letters and other signs, for which no answer is right. --pictures adds a folder of
files whose names end in the right answer, such as photo_3.jpg. Prints a table of shares.
`classify` is *sure* if the cells agree as early as they do on most digits.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from skimage.morphology import isotropic_dilation, skeletonize

from experiments import markdown
from selforg_mnist import data_flags, startup, weights_flags
from selforg_mnist.data import canvas, digits
from selforg_mnist.errors import UserError

_PICTURES = flags.DEFINE_string("pictures", "", "Folder of more pictures, named by their digits.")
_COUNT = flags.DEFINE_integer("count", 500, "Digits of the dataset, and about as many drawn ones.")
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(weights_flags)

_SIZES = (20, 28, 60, 150, 400, 900)
_PENS = (0.0, 0.03, 0.06, 110 / 900)  # shares of the picture's side; at least a pixel
# Those that look like no digit, in fonts that come with matplotlib.
_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabdefghkmnpqrtuwxy@#&%?$"
_FONTS = ("DejaVu Sans", "DejaVu Serif", "STIXGeneral")
_GIVEN = "given pictures"
_NO_DIGIT = -1


def redrawn(digit: np.ndarray, side: int, pen: int) -> Image.Image:
    """Draws a digit anew with a round pen, black on white.

    Args:
      digit: [28, 28] uint8, ink light on dark.
      side: of the picture, in pixels.
      pen: width, in pixels.
    """
    large = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))
    middle = skeletonize(large > 100)
    return Image.fromarray(~isotropic_dilation(middle, pen / 2 if pen > 1 else 0))


def _pictures(folder: Path) -> Iterator[tuple[str, int, Path]]:
    """Writes the pictures, and yields the kind, the right answer and the file of each."""
    given = data_flags.load("test", seed=0, count=_COUNT.value)
    for i, (digit, label) in enumerate(zip(given.images, given.labels, strict=True)):
        Image.fromarray(digit).save(folder / f"given_{i}.png")
        yield f"{given.source} as PNG", int(label), folder / f"given_{i}.png"
    drawn = digits.load_digits("drawn", "test", num_drawn=_COUNT.value)
    ways = [(side, max(1, round(pen * side))) for side in _SIZES for pen in _PENS]
    for i, (digit, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        side, pen = ways[i % len(ways)]
        redrawn(digit, side, pen).save(folder / f"drawn_{i}.png")
        yield "drawn, 20 to 900 pixels", int(label), folder / f"drawn_{i}.png"
    for font in _FONTS:
        file = ImageFont.truetype(font_manager.findfont(font), 120)
        for letter in _LETTERS:
            picture = Image.new("L", (200, 200), 255)
            ImageDraw.Draw(picture).text((100, 100), letter, font=file, anchor="mm")
            path = folder / f"{font}_{ord(letter)}.png"
            picture.save(path)
            yield "letters", _NO_DIGIT, path
    if _PICTURES.value:
        for path in sorted(Path(_PICTURES.value).expanduser().iterdir()):
            if label := re.search(r"_(\d)\.\w+$", path.name):
                yield _GIVEN, int(label[1]), path


def _report() -> int:
    weights_flags.check(weights_flags.FOR_PICTURES)
    counts: dict[str, Counter[str]] = {}  # by kind of picture
    read = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, label, path in _pictures(Path(folder)):
            counts.setdefault(kind, Counter())["pictures"] += 1
            try:
                read.append((kind, label, path.name, canvas.read(path)))
            except UserError as error:
                counts[kind]["refused"] += 1
                if kind == _GIVEN:
                    print(str(error).removeprefix(f"{path.parent}/"))
    from selforg_mnist.evaluation import classification

    model = weights_flags.load(weights_flags.FOR_PICTURES).model
    decisions = classification.classify(model, np.stack([picture for *_, picture in read]))
    for (kind, label, name, _), decision in zip(read, decisions, strict=True):
        agree, right = decision.steps_to_agreement is not None, decision.label == label
        counts[kind].update(
            {
                "right": right,
                "agreeing": agree,
                "sure": decision.sure,
                "agreeing but wrong": agree and not right,
                "sure but wrong": decision.sure and not right,
            }
        )
        if kind == _GIVEN:
            print(f"{name}: {classification.in_words(decision, 200)}")
    shares = ("right", "agreeing", "sure", "agreeing but wrong", "sure but wrong", "refused")
    head = ("", "pictures", *shares)
    rows = [
        (
            kind,
            str(count["pictures"]),
            *(f"{100 * count[share] / count['pictures']:.1f} %" for share in shares),
        )
        for kind, count in counts.items()
    ]
    print(markdown.table([head, *rows]))
    return 0


if __name__ == "__main__":
    startup.run(_report)
