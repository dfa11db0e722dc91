"""The article's cellular automaton, losses and measures in plain NumPy, from its text alone.

Shares no code with the package and computes in float64, cell by cell where that is affordable:
it is what the tests hold both engines against. Weights come as six arrays: a 3x3 kernel
[3, 3, C, hidden] and its bias, a 1x1 kernel [hidden, hidden] and its bias, and a 1x1 kernel
[hidden, C - 1] and its bias.
"""

from typing import NamedTuple

import numpy as np


class Rule(NamedTuple):
    kernel: np.ndarray  # [3, 3, C, hidden]
    bias: np.ndarray  # [hidden]
    hidden_kernel: np.ndarray  # [hidden, hidden]
    hidden_bias: np.ndarray  # [hidden]
    out_kernel: np.ndarray  # [hidden, C - 1]
    out_bias: np.ndarray  # [C - 1]


def rule_of(weights):
    """Six arrays, 1x1 kernels with or without their leading ones, as a float64 rule."""
    kernel, bias, hidden_kernel, hidden_bias, out_kernel, out_bias = (
        np.asarray(weight, np.float64) for weight in weights
    )
    return Rule(
        kernel,
        bias,
        hidden_kernel.reshape(hidden_kernel.shape[-2:]),
        hidden_bias,
        out_kernel.reshape(out_kernel.shape[-2:]),
        out_bias,
    )


def random_weights(channels=20, hidden=80, seed=0):
    """Six float32 arrays, none of them zero, under which states neither die nor explode."""
    rng = np.random.default_rng(seed)

    def normal(*shape, scale):
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    return [
        normal(3, 3, channels, hidden, scale=(9 * channels) ** -0.5),
        normal(hidden, scale=0.1),
        normal(1, 1, hidden, hidden, scale=hidden**-0.5),
        normal(hidden, scale=0.1),
        normal(1, 1, hidden, channels - 1, scale=0.3 * hidden**-0.5),
        normal(channels - 1, scale=0.05),
    ]


def random_samples(gray):
    """Samples of digits in the middle of a rollout: living cells have a state."""
    state = 0.5 * np.random.default_rng(1).standard_normal((*gray.shape, 19))
    state *= alive(gray)[..., None]
    return np.concatenate([gray[..., None], state], axis=-1).astype(np.float32)


def random_draws(gray, steps):
    """Fire masks [steps, B, H, W] and noise [steps, B, H, W, 19], for digits `gray`."""
    rng = np.random.default_rng(2)
    fires = rng.random((steps, *gray.shape)) < 0.5
    noise = 0.02 * rng.standard_normal((steps, *gray.shape, 19)).astype(np.float32)
    return fires, noise


def alive(gray):
    """A cell is alive where its gray value, a float32, is larger than 0.1."""
    return np.asarray(gray, np.float32) > np.float32(0.1)


def residual(rule, x):
    """The residual update [B, H, W, C - 1] of every cell of x [B, H, W, C]."""
    batch, height, width, channels = x.shape
    padded = np.zeros((batch, height + 2, width + 2, channels))
    padded[:, 1 : 1 + height, 1 : 1 + width] = x
    first = np.zeros((batch, height, width, rule.bias.size)) + rule.bias
    for dy in range(3):
        for dx in range(3):
            seen = padded[:, dy : dy + height, dx : dx + width]
            first += np.einsum("bhwc,cf->bhwf", seen, rule.kernel[dy, dx], optimize=True)
    first = np.maximum(first, 0.0)
    second = np.maximum(first @ rule.hidden_kernel + rule.hidden_bias, 0.0)
    return second @ rule.out_kernel + rule.out_bias


def step(rule, x, fires, noise=None):
    """One CA step of x [B, H, W, C], given fires [B, H, W] and noise [B, H, W, C - 1]."""
    x = np.asarray(x, np.float64)
    update = residual(rule, x)
    if noise is not None:
        update = update + noise
    after = x.copy()
    for sample, row, column in np.argwhere(alive(x[..., 0])):
        if fires[sample, row, column]:
            after[sample, row, column, 1:] += update[sample, row, column]
    return after


def rollout(rule, x, fires, noise=None):
    """The samples after each CA step: a list, one entry for each of `fires`."""
    trajectory = []
    for t in range(len(fires)):
        x = step(rule, x, fires[t], None if noise is None else noise[t])
        trajectory.append(x)
    return trajectory


def l2_loss(x, labels):
    """(target - logits)^2 over cells and the last 10 channels, halved, mean over the batch."""
    total = 0.0
    for sample, label in zip(np.asarray(x, np.float64), labels, strict=True):
        target = np.zeros((*sample.shape[:2], 10))
        target[alive(sample[..., 0]), label] = 1.0
        total += np.sum((target - sample[..., -10:]) ** 2) / 2.0
    return total / len(x)


def cross_entropy_loss(x, labels):
    """-log softmax of each living cell's last 10 channels at the label, mean over the batch."""
    total = 0.0
    for sample, label in zip(np.asarray(x, np.float64), labels, strict=True):
        for row, column in np.argwhere(alive(sample[..., 0])):
            logits = sample[row, column, -10:]
            top = logits.max()
            total += top + np.log(np.sum(np.exp(logits - top))) - logits[label]
    return total / len(x)


LOSSES = {"l2": l2_loss, "cross_entropy": cross_entropy_loss}


def cell_accuracy(x, labels):
    """Share of living cells, pooled over the batch, whose largest channel is the label's."""
    correct = living = 0
    for sample, label in zip(x, labels, strict=True):
        given = sample[alive(sample[..., 0])][:, -10:].argmax(axis=-1)
        correct += np.sum(given == label)
        living += given.size
    return correct / living


def total_agreement(x):
    """Share of the samples with a living cell whose living cells all give one label."""
    agree = []
    for sample in x:
        given = sample[alive(sample[..., 0])][:, -10:].argmax(axis=-1)
        if given.size:
            agree.append(len(set(given.tolist())) == 1)
    return np.mean(agree)


def state_magnitude(x):
    """Mean |state| over living cells and state channels."""
    return np.abs(x[alive(x[..., 0])][:, 1:]).mean()


def residual_magnitude(before, after, fires):
    """Mean |state change| over the living cells that fired and state channels."""
    fired = np.logical_and(alive(before[..., 0]), fires)
    return np.abs(after[fired] - before[fired])[:, 1:].mean()
