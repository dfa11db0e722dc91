"""A dendritic gated network in NumPy: learning without backpropagation.

The network is that of Sezener and others ("A rapid and efficient learning rule for biological
neural circuits", bioRxiv 2021, doi:10.1101/2021.03.10.434756): no neuron waits for an error from
another one. Every neuron of every layer predicts the label itself, from the neurons below it. Its
weights are those of its open branches, and whether a branch is open depends on the picture alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from selforg_mnist import spec
from selforg_mnist.data.digits import Digits, gray_levels

_WIDTHS = (10, 5, 1)  # neurons of each layer, for each label
_BRANCHES = 8  # of each neuron
_RATES = (0.01, 0.02, 0.02)  # learning rate of each layer
_BATCH = 16


class GatedNetwork:
    """Ten networks, one for each label, that say how much a picture looks like their label.

    Each neuron is a linear regression on the outputs of the layer below and a constant, with the
    sum of the weights of its open branches. Its target is 1 for pictures of its label, else 0. The
    ten networks share their half-spaces.

    Args:
      mean: [D] float32, the mean picture. It lies on the border of all half-spaces.
      seed: of the half-spaces.

    Attributes:
      half_spaces: for each layer [D, neurons * branches], the side of a plane that opens a branch.
      weights: for each layer [10, inputs + 1, neurons * branches].
    """

    def __init__(self, mean: np.ndarray, seed: int):
        rng = np.random.default_rng(seed % 2**64)
        self._mean = mean
        self.half_spaces: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        inputs = len(mean)
        for width in _WIDTHS:
            planes = rng.standard_normal((len(mean), width * _BRANCHES))
            self.half_spaces.append(planes.astype(np.float32))
            shape = (spec.NUM_CLASSES, inputs + 1, width * _BRANCHES)
            # At first a neuron says about what the neurons below it say on average.
            start = 2 / (_BRANCHES * inputs) if self.weights else 0.0
            self.weights.append(np.full(shape, start, np.float32))
            self.weights[-1][:, -1] = 0.0
            inputs = width

    @property
    def size(self) -> int:
        """How many weights are learnt."""
        return sum(weights.size for weights in self.weights)

    def layers(self, gray: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """What each layer takes and gives, from the first to the last.

        Args:
          gray: [B, D] float32.

        Yields:
          inputs: [10 or 1, B, inputs + 1], a constant last.
          gates: [B, neurons * branches], 1 for an open branch, else 0.
          outputs: [10, B, neurons], each neuron's prediction.
        """
        centred = gray - self._mean
        outputs = centred[None]
        for planes, weights in zip(self.half_spaces, self.weights, strict=True):
            gates = (centred @ planes > 0).astype(np.float32)
            inputs = np.pad(outputs, [(0, 0), (0, 0), (0, 1)], constant_values=1.0)
            branches = (inputs @ weights) * gates  # [10, B, neurons * branches]
            outputs = branches.reshape(*branches.shape[:2], -1, _BRANCHES).sum(axis=3)
            yield inputs, gates, outputs

    def gradients(self, gray: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        """The gradient of each neuron's half squared error with respect to its own weights.

        It is averaged over a batch.

        Args:
          gray: [B, D] float32.
          labels: [B] integers.

        Returns:
          gradients: shaped like `weights`.
        """
        targets = np.eye(spec.NUM_CLASSES, dtype=np.float32)[labels].T[..., None]  # [10, B, 1]
        found = []
        for inputs, gates, outputs in self.layers(gray):
            errors = np.repeat(outputs - targets, _BRANCHES, axis=2) * gates
            found.append(inputs.swapaxes(1, 2) @ errors / np.float32(len(gray)))
        return found

    def learn(self, digits: Digits) -> None:
        """Takes one pass over digits, in batches of 16, by gradient descent."""
        for first in range(0, len(digits), _BATCH):
            images = digits.images[first : first + _BATCH]
            gradients = self.gradients(_flat(images), digits.labels[first : first + _BATCH])
            for weights, gradient, rate in zip(self.weights, gradients, _RATES, strict=True):
                weights -= np.float32(rate) * gradient

    def logits(self, digits: Digits) -> np.ndarray:
        """What the last neurons say of N digits: [N, 10]."""
        *_, (_, _, outputs) = self.layers(_flat(digits.images))
        return outputs[..., 0].T


class OrdinaryNetwork:
    """One hidden layer and at most `size` weights, learnt by backpropagation with Adam."""

    def __init__(self, size: int, seed: int):
        import keras

        keras.utils.set_random_seed(seed % 2**32)
        pixels = spec.IMAGE_SIZE**2
        hidden = (size - spec.NUM_CLASSES) // (pixels + 1 + spec.NUM_CLASSES)
        layers = keras.layers
        self._model = keras.Sequential(
            [
                layers.Input([pixels]),
                layers.Dense(hidden, "relu"),
                layers.Dense(spec.NUM_CLASSES),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._model.compile("adam", loss)

    @property
    def size(self) -> int:
        """How many weights are learnt."""
        return self._model.count_params()

    def learn(self, digits: Digits) -> None:
        """Takes one pass over digits, in batches of 16."""
        pictures = _flat(digits.images)
        self._model.fit(pictures, digits.labels, _BATCH, shuffle=False, verbose=0)

    def logits(self, digits: Digits) -> np.ndarray:
        """What it says of N digits: [N, 10]."""
        return self._model.predict(_flat(digits.images), verbose=0)


def _flat(images: np.ndarray) -> np.ndarray:
    return gray_levels(images).reshape(len(images), -1)
