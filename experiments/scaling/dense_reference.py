"""The article's training step as its text describes it: the benchmark's reference.

Three convolutions over the whole image, a mask for living cells, a mask for firing cells, 20
times; L2 loss, gradients normalised per variable, Adam. It is written in the simplest way, with
Keras layers in one `tf.function`. It only serves to compare speeds, and imports nothing of the
project's own CA. It has no pool, so it has less to do.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def make_training_step(
    images: np.ndarray, labels: np.ndarray, rollout_steps: int = 20, noise: float = 0.02
) -> Callable[[], tf.Tensor]:
    """Builds a training step on one batch.

    Args:
      images: [B, H, W] uint8.
      labels: [B] integers, 0 to 9.
      rollout_steps: CA steps.
      noise: standard deviation of the residual noise.

    Returns:
      step: trains one step, returns the loss, [] float32.
    """
    model = keras.Sequential(
        [
            keras.layers.Conv2D(80, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(80, 1, activation="relu"),
            keras.layers.Conv2D(19, 1, kernel_initializer="zeros"),
        ]
    )
    model.build((None, None, None, 20))
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    gray = tf.constant(images[..., None] / np.float32(255), tf.float32)  # [B, H, W, 1]
    alive = tf.cast(gray > 0.1, tf.float32)
    targets = tf.one_hot(labels, 10)[:, None, None, :] * alive  # [B, H, W, 10]

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            state = tf.zeros([*gray.shape[:3], 19])
            for _ in range(rollout_steps):
                residual = model(tf.concat([gray, state], -1))
                residual += tf.random.normal(tf.shape(residual), 0.0, noise)
                fires = tf.cast(tf.random.uniform(tf.shape(gray)) <= 0.5, tf.float32)
                state += residual * fires * alive
            error = tf.reduce_sum((targets - state[..., -10:]) ** 2, [1, 2, 3]) / 2
            loss = tf.reduce_mean(error)
        gradients = tape.gradient(loss, model.trainable_variables)
        normalised = [g / (tf.norm(g) + 1e-8) for g in gradients]
        optimizer.apply(normalised, model.trainable_variables)
        return loss

    return step
