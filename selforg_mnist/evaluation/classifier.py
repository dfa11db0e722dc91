"""Pictures in, ten logits out: several CA steps as one ordinary Keras model.

For `predict`, `evaluate`, `fit` and `export` of Keras, which know nothing of cells. The CA step
itself is in `selforg_mnist/model.py`. Training as in the article, with a sample pool, is in
`training/`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.model import CAModel, Seed, gray_of, to_key
from selforg_mnist.randomness import derive


@keras.saving.register_keras_serializable(package="selforg_mnist")
class Classifier(keras.Model):
    """Rolls a cellular automaton out on pictures; the answer is the mean of its living cells.

    Args:
      ca: the automaton, which `fit` trains.
      steps: CA steps.

    Raises:
      ValueError: `steps` is below 1.
    """

    def __init__(self, ca: CAModel, steps: int = 50, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        if steps < 1:
            raise ValueError(f"steps={steps}: expected 1 or more")
        self.ca = ca
        self.steps = steps
        self.build((None, None, None))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates nothing, because the automaton has its weights. Keras notes the shape."""
        self.built = True

    def call(self, images: tf.Tensor, seed: Seed = None) -> tf.Tensor:
        """Classifies pictures.

        Args:
          images: [B, H, W], uint8, or float32 in [0, 1]; ink is light on dark.
          seed: as `CAModel.call` takes it.

        Returns:
          logits: [B, 10] float32, means over living cells; 0 where none lives.
        """
        gray = gray_of(images) if images.dtype == tf.uint8 else images
        key = to_key(seed)
        # A loop, because Keras compiles `predict`: unrolled, 25 steps take it twenty seconds.
        _, x = tf.while_loop(
            lambda t, _: t < self.steps,
            lambda t, x: (t + 1, self.ca.call(x, seed=derive(key, t))),
            (tf.constant(0), self.ca.initialize(gray)),
            maximum_iterations=self.steps,
        )
        alive = tf.cast(spec.alive_mask(x[..., 0]), x.dtype)[..., None]  # [B, H, W, 1]
        total = tf.reduce_sum(alive * self.ca.classify(x), axis=(1, 2))  # [B, 10]
        return tf.math.divide_no_nan(total, tf.reduce_sum(alive, axis=(1, 2)))

    def export(self, filepath: str, *args: Any, **kwargs: Any) -> None:
        """Exports the classifier. Keras' own export would need a call of the model first."""
        signature = [keras.InputSpec(dtype="float32", shape=(None, None, None))]
        super().export(filepath, *args, **{"input_signature": signature, **kwargs})

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        ca = keras.saving.serialize_keras_object(self.ca)
        return super().get_config() | {"ca": ca, "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Classifier:
        """The classifier of a saved configuration."""
        return cls(**config | {"ca": keras.saving.deserialize_keras_object(config["ca"])})
