"""A film of digits among which impostors come and go, in the form of the source's films."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.impostors import two_rules
from experiments.impostors.measure import Attack
from selforg_mnist import spec
from selforg_mnist.cells import living_cells
from selforg_mnist.data.digits import Digits, subset
from selforg_mnist.pictures import film_frames, film_parts, films, render
from selforg_mnist.randomness import TRAJECTORY, derive, root_key

DIGITS = 30
RED = (255, 0, 0)
_FPS = 25


def write(
    path: Path, attack: Attack, digits: Digits, seed: int, share: float, come: int, leave: int
) -> None:
    """Films digits for as many CA steps as the attack had.

    `share` of the pixels are impostors. They come after `come` CA steps and leave after `leave`.
    """
    filmed = subset(digits, min(DIGITS, len(digits)), seed % 2**64)
    films.write(frames(attack, filmed, seed, share, come, leave), path, _FPS)


def frames(
    attack: Attack, digits: Digits, seed: int, share: float, come: int, leave: int
) -> Iterator[np.ndarray]:
    """The frames of such a film, [H, W, 3] uint8 each; arguments as of `write`."""
    rules = two_rules.Rules.of(attack.model, attack.made.impostor.ca_weights())
    gray = digits.gray()
    cells = living_cells.find(tf.constant(gray))
    table = living_cells.to_table(cells, tf.zeros([*gray.shape, attack.model.state_channels]))
    alive = spec.alive_mask(gray)
    steps = len(attack.votes[0])
    drawn = alive & (np.random.default_rng(seed % 2**64).random(gray.shape) < share)
    moves = {"impostors in": come, "impostors out": leave}
    moves = {name: move for name, move in moves.items() if 0 < move < steps}
    shown = film_frames.time_lapse(steps, [*moves.values()], slow=min(20, steps // 3), factor=12)
    step = tf.function(two_rules.rollout, autograph=False)
    for t in range(1, steps + 1):
        masks = drawn & (come < t <= leave)
        places = two_rules.find(cells, tf.constant(masks))
        table = step(rules, cells, places, table, 1, derive(root_key(seed), TRAJECTORY, t))
        if t not in shown:
            continue
        state = living_cells.to_image(cells, table, tf.constant(gray.shape)).numpy()
        logits = state[..., -spec.NUM_CLASSES :]
        right = (logits.argmax(axis=-1) == digits.labels[:, None, None]) & alive
        tiles = render.colour(gray, logits)
        tiles[masks] = RED
        for i in np.flatnonzero(right.sum(axis=(1, 2)) < alive.sum(axis=(1, 2)) / 2):
            tiles[i, [0, -1]] = tiles[i, :, [0, -1]] = RED
        mosaic = render.mosaic(tiles, columns=10, gap=2, scale=2)
        bar = film_parts.time_bar(mosaic.shape[1], t, steps, [*moves.values()], [*moves])
        caption = film_parts.text(f"step {t}, impostors: {100 * masks.sum() / alive.sum():.0f} %")
        yield render.stack(mosaic, caption, render.legend(20), bar)
