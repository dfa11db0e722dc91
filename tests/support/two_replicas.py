"""A process whose CPU is two devices, for training/test_replicas.py: prints what it found as JSON.

    python two_replicas.py

TensorFlow wants to know its devices before it computes, so it has to be a process of its own.
"""

import json

import numpy as np
import tensorflow as tf

from selforg_mnist import experiment as experiments
from selforg_mnist import spec
from selforg_mnist.data.digits import load_digits, one_hot_targets
from selforg_mnist.model import CAWeights, gray_of
from selforg_mnist.randomness import Purpose, derive, normal, root_key, uniform
from selforg_mnist.training import optimizer, pool, strategies, trainer
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.losses import LOSSES
from selforg_mnist.training.replicas import ReplicatedTrainer

STEPS = 20  # more would let float32 rounding grow
REPLICAS = 2


def two_replicas(engine, **options):
    distribution = strategies.choose("mirrored", cpu_replicas=REPLICAS)
    assert distribution.replicas == REPLICAS
    experiment = experiments.l2_noise().replace(
        batch_size=8, pool_size=16, **{"rollout_steps": 4, **options}
    )
    digits = load_digits("drawn", "train", num_drawn=60)
    source = pool.source_of(digits.images, digits.labels)
    return ReplicatedTrainer(experiment, source, distribution, Computing(engine))


def equality():
    """Trains two replicas, and one replica with both batches, masks and noise."""
    both = two_replicas("dense")
    state, metrics = both.run(both.initial_state(), tf.constant(STEPS))
    alone, loss = one_replica(both, STEPS)
    return {
        "step": int(state.step),
        "weights": largest(state.weights, alone.weights),
        "moved": largest(state.weights, both.initial_state().weights),
        "states": largest(state.pool.state, alone.pool.state),
        "images": largest(state.pool.images, alone.pool.images),
        "loss": [float(metrics.loss), loss],
    }


def one_replica(both, steps):
    """The same training by hand: all samples in one batch, the draws as each replica has them."""
    experiment, source = both.experiment, both.source
    state = both.initial_state()
    share, size = experiment.pool_size // REPLICAS, experiment.batch_size // REPLICAS

    @tf.function(autograph=False)
    def step(state):
        drawn, masks = [], []
        for replica in range(REPLICAS):
            key = derive(root_key(experiment.seed), state.step, replica)
            own = pool.Pool(
                *(part[replica * share : (replica + 1) * share] for part in state.pool)
            )
            indices, batch = pool.sample(own, size, derive(key, Purpose.POOL))
            batch = pool.renew(batch, experiment.pool_mode, source, key)
            drawn.append((indices + replica * share, batch))
            masks.append(draw(experiment, batch, derive(key, Purpose.FIRING, 0)))
        indices = tf.concat([i for i, _ in drawn], 0)
        parts = zip(*(batch for _, batch in drawn), strict=True)
        batch = pool.Pool(*(tf.concat(part, 0) for part in parts))
        fires, noise = (tf.concat(part, 1) for part in zip(*masks, strict=True))
        with tf.GradientTape() as tape:
            tape.watch(state.weights)
            x = roll_out(state.weights, batch, fires, noise)
            targets = one_hot_targets(gray_of(batch.images), batch.labels)
            loss = tf.reduce_sum(LOSSES[experiment.loss](x[..., -10:], targets))
            loss /= experiment.batch_size
        gradients = optimizer.normalise(tape.gradient(loss, state.weights))
        rate = both.learning_rate(state.step)
        weights, adam = optimizer.adam(state.weights, gradients, state.adam, state.step, rate)
        after = pool.commit(state.pool, indices, batch._replace(state=x[..., 1:]))
        return trainer.TrainState(state.step + 1, CAWeights(*weights), adam, after), loss

    losses = []
    for _ in range(steps):
        state, loss = step(state)
        losses.append(float(loss))
    return state, float(np.mean(losses))


def roll_out(weights, batch, fires, noise):
    """The rule written out, from kernels that are arguments."""
    w = weights
    gray = gray_of(batch.images)[..., None]
    x = tf.concat([gray, batch.state], -1)
    for t in range(fires.shape[0]):
        h = tf.nn.relu(tf.nn.conv2d(x, w.perceive_kernel, 1, "SAME") + w.perceive_bias)
        h = tf.nn.relu(tf.nn.conv2d(h, w.hidden_kernel, 1, "SAME") + w.hidden_bias)
        residual = tf.nn.conv2d(h, w.residual_kernel, 1, "SAME") + w.residual_bias + noise[t]
        updates = tf.logical_and(fires[t], gray[..., 0] > spec.ALIVE_THRESHOLD)
        x = tf.concat([gray, x[..., 1:] + residual * tf.cast(updates, tf.float32)[..., None]], -1)
    return x


def draw(experiment, batch, key):
    """The masks and noise of each CA step, as the dense engine draws them."""
    fires, noise = [], []
    for t in range(experiment.rollout_steps):
        of_step = derive(key, t)
        shape = batch.images.shape
        fires.append(uniform(shape, derive(of_step, Purpose.FIRING)) <= experiment.fire_rate)
        state = batch.state.shape
        noise.append(normal(state, derive(of_step, Purpose.NOISE), experiment.residual_noise))
    return tf.stack(fires), tf.stack(noise)


def draws():
    """What each replica draws where all else is alike: the same share, the same digits."""
    both = two_replicas("living", pool_mode="naive", rollout_steps=1)
    found = {}
    for name, digits in (
        ("images", 60),
        ("fired", 1),
    ):  # with a single one, all digits are the same
        images, labels = (part.numpy() for part in both.source.gather(np.arange(digits)))
        both.source = pool.source_of(images, labels)
        state = both.initial_state()
        share = pool.Pool(*(part[:4] for part in state.pool))
        first, second = (
            both.train_step(
                state._replace(pool=share),
                replica=trainer.Replica(index=i, count=REPLICAS, total=lambda nest: nest),
            )[0].pool
            for i in range(REPLICAS)
        )
        found[name] = float(np.mean(first.images.numpy() != second.images.numpy()))
    # The untrained rule changes nothing, so the noise shows which cells fired.
    alive = spec.alive_mask(gray_of(first.images)).numpy()
    fired = [(part.state.numpy() != 0).any(-1)[alive] for part in (first, second)]
    return found | {"fired": float(np.mean(fired[0] != fired[1])), "rate": float(fired[0].mean())}


def largest(a, b):
    """The largest difference between two nests of arrays."""
    pairs = zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True)
    return max(float(np.abs(np.asarray(x, float) - np.asarray(y, float)).max()) for x, y in pairs)


if __name__ == "__main__":
    print(json.dumps({"equality": equality(), "draws": draws()}))
