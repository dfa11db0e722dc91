"""Trains the fitness model and a linear classifier, lets all draw, and lets all label."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from experiments.prototypes import drawings, fitness
from selforg_mnist import spec
from selforg_mnist.data.digits import Digits, gray_levels
from selforg_mnist.evaluation import classification
from selforg_mnist.model import CAModel

# Takes canvases, [N, 28, 28] uint8. Returns the labels, and for cells the CA step from which on
# all living cells give the label (None: they don't agree at the end).
Judge = Callable[[np.ndarray], dict[str, list]]

LEARNT = 100  # digits that the fitness model learns
TRAINING = 8  # factor on the steps that train the fitness model and that make its pictures
SIGNED = (False, False, False, True)  # whether the start of each training has both signs
CA_STEPS = 15  # through which a drawing has its gradient
WANTED = np.tile(np.arange(spec.NUM_CLASSES), 2)  # the label of each picture, from two starts


def run(
    models: Mapping[str, CAModel],
    train: Digits,
    test: Digits,
    iterations: int,
    steps: int,
    seed: int,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Does the study.

    Returns:
      pictures: by maker ("fitness", "linear", the models): [20, 28, 28], all labels from one
        start, then from the other; uint8, but float64 with both signs for the fitness model.
      numbers: of the report, as plain values.
    """
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def done(part: str) -> None:
        seconds[part] = round(time.perf_counter() - began - sum(seconds.values()), 1)
        logging.info("%s: done in %.0f s.", part, seconds[part])

    few = train[:LEARNT]
    long = TRAINING * iterations
    trained = [fitness.train(few, long, seed + i, signed) for i, signed in enumerate(SIGNED)]
    first, second = trained[0][0], trained[1][0]
    done(f"{len(trained)} fitness models")
    rng = np.random.default_rng(seed)
    shape = (len(WANTED), *train.images.shape[1:])
    positive, signed = rng.random(shape), rng.normal(size=shape)
    pictures = {"fitness": fitness.pictures(first, WANTED, positive, long)}
    others = {
        "from signed starts": fitness.pictures(first, WANTED[:10], signed[:10], long),
        "of another training": fitness.pictures(second, WANTED[:10], positive[:10], long),
    }
    done("their pictures")
    classifier, of_few = linear(train, epochs=5), linear(few, epochs=40)
    done("linear classifiers")
    judges = {"fitness": by_fitness(first), "linear": by_linear(classifier)}
    numbers: dict[str, Any] = {
        "fitness_model": {
            "fitness": [curve[-1] for _, curve in trained],
            "likeness_to_first": [fitness.likeness(first, each) for each, _ in trained],
            "right_on_learnt": [_right(by_fitness(each), few) for each, _ in trained],
            "right_on_test": [_right(by_fitness(each), test) for each, _ in trained],
            **{k: correlations(pictures["fitness"][:10], each) for k, each in others.items()},
        },
        "linear_right_on_test": _right(judges["linear"], test),
        "linear_of_few_right_on_test": _right(by_linear(of_few), test),
        "correlation_of_digits": digits_alike(train),
    }

    def linear_score(gray: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        canvas = drawings.with_margin(gray)
        return tf.gather(tf.nn.log_softmax(classifier(canvas)), labels, batch_dims=1)

    scores: dict[str, drawings.Score] = {"linear": linear_score}
    for name, model in models.items():
        scores[name] = drawings.of_cells(model, CA_STEPS)
        judges[name] = by_cells(model, steps, seed)
    for name, score in scores.items():
        pictures[name] = drawings.draw(score, WANTED, iterations, seed)
        done(f"drawings of {name}")
    drawn = np.concatenate([canvases(each) for each in pictures.values()])
    given = {name: judge(drawn) for name, judge in judges.items()}
    numbers["drawn_by"] = {}
    for i, (maker, each) in enumerate(pictures.items()):
        own = slice(i * len(WANTED), (i + 1) * len(WANTED))
        numbers["drawn_by"][maker] = {
            "correlation_of_starts": correlations(each[:10], each[10:]),
            "labelled_by": {
                name: {key: values[own] for key, values in found.items()}
                for name, found in given.items()
            },
        }
    done("labels")
    return pictures, numbers | {"seconds": seconds}


def linear(digits: Digits, epochs: int) -> keras.Model:
    """A linear classifier of pixels: [N, 28, 28] in [0, 1] to [N, 10] logits."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(10, kernel_initializer="zeros")]
    model = keras.Sequential(layers)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    batch_size = min(250, len(digits) // 10)
    model.fit(digits.gray(), digits.labels, batch_size, epochs, verbose=0, shuffle=False)
    return model


def canvases(pictures: np.ndarray) -> np.ndarray:
    """Pictures as cells take them, uint8; negative values become blank."""
    if pictures.dtype == np.uint8:
        return pictures
    ink = np.maximum(pictures, 0.0)
    return np.rint(255 * ink / ink.max(axis=(1, 2), keepdims=True)).astype(np.uint8)


def correlations(one: np.ndarray, other: np.ndarray) -> list[float]:
    """The correlation of each picture with its partner, [N, 28, 28] both."""
    pairs = zip(one.reshape(len(one), -1), other.reshape(len(other), -1), strict=True)
    return [round(float(np.corrcoef(a, b)[0, 1]), 3) for a, b in pairs]


def digits_alike(digits: Digits) -> list[float]:
    """For each label, the median correlation of a digit with the next, among 200 of the label."""
    of_label = [digits.images[digits.labels == k][:200] for k in range(spec.NUM_CLASSES)]
    return [float(np.median(correlations(each[1:], each[:-1]))) for each in of_label]


def by_fitness(matrices: fitness.Matrices) -> Judge:
    """The fitness model as a judge."""

    def judge(images: np.ndarray) -> dict[str, list]:
        g = fitness.g(matrices, tf.constant(gray_levels(images), tf.float64))
        return {"labels": np.argmax(g, axis=1).tolist()}

    return judge


def by_linear(model: keras.Model) -> Judge:
    """A linear classifier as a judge."""
    return lambda images: {"labels": np.argmax(model(gray_levels(images)), axis=1).tolist()}


def by_cells(model: CAModel, steps: int, seed: int) -> Judge:
    """Cells as a judge, by the rule itself, with its threshold and its noise."""

    def judge(images: np.ndarray) -> dict[str, list]:
        found = classification.classify(model, images, steps, seed)
        return {
            "labels": [-1 if each.label is None else each.label for each in found],
            "agree_from": [each.steps_to_agreement for each in found],
        }

    return judge


def _right(judge: Judge, digits: Digits) -> float:
    """Percent of the digits that a judge labels rightly."""
    parts = range(0, len(digits), 500)
    given = np.concatenate([judge(digits.images[i : i + 500])["labels"] for i in parts])
    return round(100 * float(np.mean(given == digits.labels)), 2)
