"""What a run with known numbers gives its summaries."""

import numpy as np

from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.training.pool import Pool

VALUES = {
    "loss": 50.0,
    "cell_accuracy": 0.875,
    "total_agreement": 0.25,
    "learning_rate": 0.001,
    "steps_per_second": 12.0,
    "batch_age": 7.0,
    "pool_age_mean": 8.0,
    "pool_age_max": 9.0,
}
NORMS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
CURVES = Curves(
    cell_accuracy=np.array([0.125, 0.75, 0.5]),
    total_agreement=np.array([0.0, 0.25, 0.375]),
    correct_agreement=np.array([0.0, 0.125, 0.25]),
    state_magnitude=np.array([0.5, 1.0, 2.0]),
    residual_magnitude=np.array([0.25, 0.125, 0.0625]),
    num_samples=8,
)


def _samples(*labels_and_votes):
    """4x4 samples, all alive, whose cells all vote for one label."""
    labels, votes = np.array(labels_and_votes).T
    state = np.zeros([len(labels), 4, 4, 19], np.float32)
    state[..., -10:] = np.eye(10)[votes][:, None, None]
    images = np.full([len(labels), 4, 4], 255, np.uint8)
    return Pool(images, labels.astype(np.int32), state, np.zeros_like(labels))


POOL = _samples((7, 3), (6, 6), (3, 3), (2, 7))
BEFORE, AFTER = _samples((2, 3)), _samples((2, 2))


def write(summaries, step):
    """Scalars whose loss is the step; evaluation and mosaics every 200 steps."""
    summaries.training(step, VALUES | {"loss": float(step)}, NORMS)
    if step % 200 == 0:
        summaries.evaluation(step, CURVES)
        summaries.mosaics(step, POOL, BEFORE, AFTER)
