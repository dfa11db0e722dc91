"""A dendritic gated network, and an ordinary one of its size, in NumPy.

The network is that of Sezener and others ("A rapid and efficient learning rule for biological
neural circuits", bioRxiv 2021, doi:10.1101/2021.03.10.434756): no neuron waits for an error from
another one. Every neuron of every layer predicts the label itself, from the neurons below it. Its
weights are those of its open branches, and whether a branch is open depends on the picture alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from selforg_mnist import spec

_WIDTHS = (20, 10, 1)  # neurons of each layer, for each label
_BRANCHES = 4
_GATED_RATE = 0.05
_ORDINARY_RATE = 0.1


class GatedNetwork:
    """Ten networks, one for each label, that say how much a picture looks like their label.

    Each neuron is a linear regression on the outputs of the layer below and a constant, with the
    weights of its open branches. Its target is 1 for a picture of its label and 0 for others.

    Args:
      gray: [N, D] float32, pictures whose mean is on the border of all half-spaces.
      seed: of the half-spaces.

    Attributes:
      half_spaces: for each layer [D, neurons * branches], which side of a plane opens a branch.
      weights: for each layer [10, inputs + 1, neurons * branches].
    """

    def __init__(self, gray: np.ndarray, seed: int):
        rng = np.random.default_rng(seed)
        inputs = gray.shape[1]
        self._mean = gray.mean(axis=0)
        self.half_spaces, self.weights = [], []
        for width in _WIDTHS:
            planes = rng.standard_normal((gray.shape[1], width * _BRANCHES))
            self.half_spaces.append(planes.astype(np.float32))
            shape = (spec.NUM_CLASSES, inputs + 1, width * _BRANCHES)
            # At first a neuron says what the neurons below it say on average.
            start = 2 / (_BRANCHES * inputs) if self.weights else 0.0
            self.weights.append(np.full(shape, start, np.float32))
            self.weights[-1][:, -1] = 0.0
            inputs = width

    @property
    def size(self) -> int:
        """How many weights are learnt."""
        return sum(weights.size for weights in self.weights)

    def gates(self, gray: np.ndarray) -> list[np.ndarray]:
        """Which branches are open: for each layer [B, neurons * branches] of 0 and 1."""
        return [((gray - self._mean) @ p > 0).astype(np.float32) for p in self.half_spaces]

    def layers(self, gray: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """What each layer takes and gives, from the first to the last.

        Args:
          gray: [B, D] float32.

        Yields:
          inputs: [10 or 1, B, inputs + 1], a constant last.
          gates: [B, neurons * branches].
          outputs: [10, B, neurons], each neuron's prediction.
        """
        outputs = gray[None]
        for gates, weights in zip(self.gates(gray), self.weights, strict=True):
            inputs = np.pad(outputs, [(0, 0), (0, 0), (0, 1)], constant_values=1.0)
            branches = (inputs @ weights) * gates  # [10, B, neurons * branches]
            outputs = branches.reshape(*branches.shape[:2], -1, _BRANCHES).sum(axis=3)
            yield inputs, gates, outputs

    def logits(self, gray: np.ndarray) -> np.ndarray:
        """What the last neurons say of pictures [B, D]: [B, 10]."""
        *_, (_, _, outputs) = self.layers(gray)
        return outputs[..., 0].T

    def gradients(self, gray: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        """Of each neuron's own half squared error, by its own weights: shaped like `weights`."""
        targets = np.eye(spec.NUM_CLASSES, dtype=np.float32)[labels].T[..., None]  # [10, B, 1]
        found = []
        for inputs, gates, outputs in self.layers(gray):
            errors = np.repeat(outputs - targets, _BRANCHES, axis=2) * gates
            found.append(inputs.swapaxes(1, 2) @ errors / len(gray))
        return found

    def learn(self, gray: np.ndarray, labels: np.ndarray) -> None:
        """One step of gradient descent on a batch: [B, D] float32 and [B] integers."""
        for weights, gradient in zip(self.weights, self.gradients(gray, labels), strict=True):
            weights -= RATES[0] * gradient
RATES=[0.01]
