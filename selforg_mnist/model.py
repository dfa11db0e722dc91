"""The cellular automaton: a Keras model whose call is one step of every cell.

Holds the dense form, in which the update rule is three convolutions over the whole image,
as in the article's section "Model" and its notebook. The same rule over living cells only
is in `cells/living_cells.py`; training and data are elsewhere.

A sample is `x: [B, H, W, 20] float32`: channel 0 is the gray value in [0, 1], which never
changes; channels 1 to 19 are the state, of which the last 10 are the logits of the label.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.randomness import Purpose, derive, normal, root_key, uniform

if keras.backend.backend() != "tensorflow":  # Keras was imported before this package
    raise ImportError(
        f"Keras runs on {keras.backend.backend()}: expected tensorflow; import selforg_mnist "
        "before keras, or set KERAS_BACKEND=tensorflow"
    )

# What a draw may come from: a key, a whole number, a generator of Keras, or None.
Seed: TypeAlias = tf.Tensor | Sequence[int] | int | keras.random.SeedGenerator | None


class CAWeights(NamedTuple):
    """The rule's six tensors, in the order of `CAModel.trainable_variables`."""

    perceive_kernel: tf.Tensor  # [3, 3, C, hidden]
    perceive_bias: tf.Tensor  # [hidden]
    hidden_kernel: tf.Tensor  # [1, 1, hidden, hidden]
    hidden_bias: tf.Tensor  # [hidden]
    residual_kernel: tf.Tensor  # [1, 1, hidden, C - 1]
    residual_bias: tf.Tensor  # [C - 1]


def gray_of(images: tf.Tensor) -> tf.Tensor:
    """Rescales uint8 images, [...], to float32 gray values in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


@keras.saving.register_keras_serializable(package="selforg_mnist")
class CAModel(keras.Model):
    """One update rule that every living cell of an image follows (article: "Model").

    A 3x3 convolution to `hidden_channels` with ReLU, a 1x1 convolution with ReLU and a
    1x1 convolution whose kernel starts at zero give the residual update of the state.
    Noise and asynchronous firing act alike in training and in inference: that is the
    article's model, and the reason why Keras' Dropout and GaussianNoise are not used.

    Args:
      channels: gray and state channels of a cell; the last 10 are the logits.
      hidden_channels: width of the two hidden layers.
      fire_rate: probability that a cell updates in a step, in (0, 1].
      residual_noise: standard deviation of the noise added to the residual of a firing
        cell; 0.02 in the experiment "L2 + noise", 0 in the others.
      seed: of the initial weights.
      name: Keras' name of the model.

    Raises:
      ValueError: an argument is outside its range.
    """

    def __init__(
        self,
        channels: int = spec.NUM_CHANNELS,
        hidden_channels: int = spec.HIDDEN_CHANNELS,
        fire_rate: float = spec.FIRE_RATE,
        residual_noise: float = 0.0,
        seed: int = 0,
        name: str = "ca",
        **kwargs: Any,
    ):
        # Given explicitly, because Keras' default dtype may have been changed.
        super().__init__(name=name, **{"dtype": "float32", **kwargs})
        least = spec.GRAY_CHANNELS + spec.NUM_CLASSES
        if channels < least:
            raise ValueError(
                f"channels={channels}: expected at least {least} (gray and 10 logits)"
            )
        if hidden_channels < 1:
            raise ValueError(f"hidden_channels={hidden_channels}: expected at least 1")
        if not 0.0 < fire_rate <= 1.0:
            raise ValueError(f"fire_rate={fire_rate}: expected a probability in (0, 1]")
        if not 0.0 <= residual_noise < math.inf:
            raise ValueError(f"residual_noise={residual_noise}: expected a number, 0 or more")
        self.channels = channels
        self.state_channels = channels - spec.GRAY_CHANNELS
        self.hidden_channels = hidden_channels
        self.fire_rate = fire_rate
        self.residual_noise = residual_noise
        self.seed = seed

        initial_seed = seed % 2**31  # Keras takes no larger ones
        glorot = keras.initializers.GlorotUniform
        self.perceive_conv = keras.layers.Conv2D(
            hidden_channels,
            spec.KERNEL_SIZE,
            padding="same",
            data_format="channels_last",
            activation="relu",
            kernel_initializer=glorot(seed=initial_seed),
            dtype=self.dtype_policy,
            name="perceive",
        )
        self.hidden_conv = keras.layers.Conv2D(
            hidden_channels,
            1,
            data_format="channels_last",
            activation="relu",
            kernel_initializer=glorot(seed=initial_seed + 1),
            dtype=self.dtype_policy,
            name="hidden",
        )
        self.residual_conv = keras.layers.Conv2D(
            self.state_channels,
            1,
            data_format="channels_last",
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
            name="residual",
        )
        self.build((None, None, None, channels))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the weights. Keras calls this again on loading, which then does nothing."""
        if getattr(self, "built", False):
            return
        batch, height, width, _ = input_shape
        hidden_shape = (batch, height, width, self.hidden_channels)
        self.perceive_conv.build(input_shape)
        self.hidden_conv.build(hidden_shape)
        self.residual_conv.build(hidden_shape)
        self.built = True

    def ca_weights(self) -> CAWeights:
        """The six weight tensors, as the living-cell engine takes them."""
        return CAWeights(*(tf.convert_to_tensor(v) for v in self.trainable_variables))

    def initialize(self, images: tf.Tensor) -> tf.Tensor:
        """Fresh samples (the article's "seeds"): the digits, with state 0 everywhere.

        Args:
          images: [B, H, W] float32 in [0, 1].

        Returns:
          x: [B, H, W, C] float32.
        """
        gray = tf.convert_to_tensor(images, tf.float32)[..., None]
        return tf.pad(gray, [[0, 0], [0, 0], [0, 0], [0, self.state_channels]])

    def perceive(self, x: tf.Tensor) -> tf.Tensor:
        """The features that each cell computes from its 3x3 neighbourhood, zero off the canvas.

        Args:
          x: [B, H, W, C] float32.

        Returns:
          perception: [B, H, W, hidden_channels] float32, not negative.
        """
        return self.perceive_conv(x)

    def residual(self, x: tf.Tensor) -> tf.Tensor:
        """The residual update of every cell, before noise, firing and the alive mask.

        Args:
          x: [B, H, W, C] float32.

        Returns:
          residual: [B, H, W, C - 1] float32.
        """
        return self.residual_conv(self.hidden_conv(self.perceive(x)))

    def call(
        self,
        x: tf.Tensor,
        seed: Seed = None,
        fires: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """One CA step: state += (residual + noise) where the cell fires and lives.

        Nothing is rescaled by 1 / fire_rate, and a dead cell never changes (article:
        "Model", "Experiment 2").

        Args:
          x: [B, H, W, C] float32.
          seed: draws `fires` and `noise` where not given. It is [2] int32, a stateless key; or
            a whole number; or a `keras.random.SeedGenerator`. None takes the next key from
            TensorFlow's own generator, which `keras.utils.set_random_seed` seeds.
          fires: [B, H, W] bool, which cells fire, or None to draw them.
          noise: [B, H, W, C - 1] float32, added to the residual, or None to draw
            N(0, residual_noise). Zero noise is passed as zeros.

        Returns:
          x: [B, H, W, C] float32, the gray channel untouched.

        Raises:
          ValueError: `x` has another shape, or `seed` is something else.
        """
        if len(x.shape) != 4 or x.shape[-1] != self.channels:
            raise ValueError(
                f"x is {list(x.shape)}: expected [B, H, W, {self.channels}], a sample; "
                "`initialize` makes one of pictures"
            )
        if fires is None or (noise is None and self.residual_noise > 0.0):
            seed = to_key(seed)
        gray, state = x[..., : spec.GRAY_CHANNELS], x[..., spec.GRAY_CHANNELS :]
        residual = tf.cast(self.residual(x), x.dtype)  # [B, H, W, C - 1]
        if noise is None and self.residual_noise > 0.0:
            key = derive(seed, Purpose.NOISE)
            noise = normal(tf.shape(residual), key, self.residual_noise)
        if noise is not None:
            residual += noise
        if fires is None:
            key = derive(seed, Purpose.FIRING)
            fires = uniform(tf.shape(x)[:-1], key) <= self.fire_rate
        updates = tf.logical_and(fires, spec.alive_mask(gray[..., 0]))  # [B, H, W]
        state += residual * tf.cast(updates[..., None], residual.dtype)
        return tf.concat([gray, state], axis=-1)

    def rollout(
        self,
        x: tf.Tensor,
        steps: int,
        seed: Seed = None,
        fires: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Several CA steps, unrolled: a while loop costs more than it saves at 20 steps.

        Args:
          x: [B, H, W, C] float32.
          steps: number of CA steps.
          seed: as `call` takes it; step t draws from a key derived from (seed, t).
          fires: [steps, B, H, W] bool, or None to draw.
          noise: [steps, B, H, W, C - 1] float32, or None to draw.

        Returns:
          x: [B, H, W, C] float32 after the last step.

        Raises:
          ValueError: as `call`.
        """
        key = None if fires is not None and noise is not None else to_key(seed)
        for t in range(steps):
            # Not `self(...)`: with bfloat16 layers Keras would round the states as well.
            x = self.call(
                x,
                seed=None if key is None else derive(key, t),
                fires=None if fires is None else fires[t],
                noise=None if noise is None else noise[t],
            )
        return x

    def classify(self, x: tf.Tensor) -> tf.Tensor:
        """The ten classification channels, [..., 10], of samples [..., C]: a cell's logits."""
        return x[..., -spec.NUM_CLASSES :]

    def labels(self, x: tf.Tensor) -> tf.Tensor:
        """The label that each cell gives: the largest of its ten classification channels.

        Args:
          x: [B, H, W, C] float32.

        Returns:
          labels: [B, H, W] int32, 0 to 9, and -1 at dead cells.
        """
        labels = tf.argmax(self.classify(x), axis=-1, output_type=tf.int32)
        return tf.where(spec.alive_mask(x[..., 0]), labels, -1)

    def export(self, filepath: str, *args: Any, **kwargs: Any) -> None:
        """Exports one CA step. Keras' own export would need a call of the model first."""
        signature = [keras.InputSpec(dtype="float32", shape=(None, None, None, self.channels))]
        super().export(filepath, *args, **{"input_signature": signature, **kwargs})

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return super().get_config() | {
            "channels": self.channels,
            "hidden_channels": self.hidden_channels,
            "fire_rate": self.fire_rate,
            "residual_noise": self.residual_noise,
            "seed": self.seed,
        }


def to_key(seed: Seed) -> tf.Tensor:
    """The stateless key, [2] int32, of any kind of seed.

    Raises:
      ValueError: it is none of these kinds.
    """
    if seed is None:
        return tf.random.uniform([2], tf.int32.min, tf.int32.max, tf.int32)
    if isinstance(seed, keras.random.SeedGenerator):
        return tf.bitcast(tf.cast(seed.next(), tf.uint32), tf.int32)
    if isinstance(seed, numbers.Integral):
        return root_key(int(seed))
    key = tf.convert_to_tensor(seed)
    if key.shape != [2] or not key.dtype.is_integer:
        raise ValueError(
            f"seed={seed}: expected two whole numbers of 32 bits, one whole number, or a "
            "keras.random.SeedGenerator"
        )
    return tf.cast(key, tf.int32)
