"""Command: trains one of the experiments, or resumes a run that was stopped.

    python -m selforg_mnist.train --experiment=l2_noise

Flags and wiring only; `--help` lists the flags.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from absl import flags

from selforg_mnist import data_flags, startup, weights
from selforg_mnist import experiment as experiments
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.training import computing, run_config
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.run_config import Monitoring

# Flags that override the experiment's own option of the same name.
_OVERRIDES: dict[str, tuple[Callable, str]] = {
    "channels": (flags.DEFINE_integer, "Channels of a cell: gray, hidden state, 10 labels."),
    "hidden_channels": (flags.DEFINE_integer, "Width of the two hidden layers."),
    "train_steps": (flags.DEFINE_integer, "Training steps."),
    "batch_size": (flags.DEFINE_integer, "Samples a training step."),
    "pool_size": (flags.DEFINE_integer, "Samples in the pool."),
    "pool_mode": (flags.DEFINE_string, f"One of {', '.join(experiments.POOL_MODES)}."),
    "fresh_share": (flags.DEFINE_float, "Share of each batch that is fresh."),
    "mutated_share": (flags.DEFINE_float, "Share of each batch that is mutated."),
    "rollout_steps": (flags.DEFINE_integer, "CA steps a training step."),
    "max_rollout_steps": (
        flags.DEFINE_integer,
        "Draw the CA steps of each training step, from rollout_steps to this; 0: don't.",
    ),
    "loss": (flags.DEFINE_string, f"One of {', '.join(experiments.LOSS_NAMES)}."),
    "consensus": (flags.DEFINE_float, "Additional weight of disagreement in the L2 loss."),
    "overflow": (flags.DEFINE_float, "Weight of states that are too large in the loss."),
    "residual_noise": (flags.DEFINE_float, "Standard deviation of the residual noise."),
    "fire_rate": (flags.DEFINE_float, "Probability that a cell fires in a CA step."),
    "learning_rate": (flags.DEFINE_float, "Adam's highest learning rate."),
    "schedule": (flags.DEFINE_string, f"One of {', '.join(experiments.SCHEDULES)}."),
    "final_learning_rate": (
        flags.DEFINE_float,
        "Where the cosine schedule ends, as a factor on learning_rate.",
    ),
    "warmup_steps": (flags.DEFINE_integer, "Training steps in which the rate rises from 0."),
    "weight_averaging": (flags.DEFINE_float, "Decay of the average of weights; 0: none."),
    "initial_weights": (flags.DEFINE_string, "Weights to start from, as --weights of evaluate."),
    "canvas": (flags.DEFINE_integer, "Side of the training pictures, in cells."),
    "scale_range": (flags.DEFINE_list, "Smallest and largest size of digits, such as 0.7,2.2."),
    "stroke_range": (flags.DEFINE_list, "Thinnest and thickest strokes, such as 0.8,2.2."),
    "plain_share": (flags.DEFINE_float, "Share of digits that keep their size and strokes."),
    "drawn_share": (flags.DEFINE_float, "Share of drawn digits among the training digits."),
    "seed": (flags.DEFINE_integer, "Seed of all random draws."),
}
# Flags that say how the run is logged, evaluated and saved.
_MONITORING = {
    "log_every": "Training steps between log lines.",
    "eval_every": "Training steps between evaluations; 0: only at the end.",
    "eval_samples": "Held-out digits of an evaluation; 0: all.",
    "eval_steps": "CA steps of an evaluation.",
    "checkpoint_every": "Training steps between checkpoints.",
    "steps_per_call": "Largest number of training steps in one compiled call.",
}

_EXPERIMENT = flags.DEFINE_string(
    "experiment", "l2_noise", f"What to train: {', '.join(experiments.EXPERIMENTS)}."
)
_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "Folder of the run; give it again to resume (default: runs/EXPERIMENT)."
)
_STRATEGY = flags.DEFINE_enum(
    "strategy", "auto", list(computing.STRATEGIES), "Which devices share a batch."
)
_TPU = flags.DEFINE_string("tpu", "", "Name or address of a TPU, or local.")
_CPU_REPLICAS = flags.DEFINE_integer(
    "cpu_replicas", 0, "Replicas that share this machine's CPU, to try a strategy out."
)
flags.adopt_module_key_flags(data_flags)
flags.DEFINE_enum(
    "engine", Computing.engine, list(computing.ENGINES), "Which cells do arithmetic in a CA step."
)
flags.DEFINE_integer(
    "lanes",
    Computing.lanes,
    "Shares of the batch that the living engine runs side by side; 0: one per core.",
)
flags.DEFINE_enum(
    "precision",
    Computing.precision,
    list(computing.PRECISIONS),
    "Precision of matrix products; states, weights and sums are float32.",
)
for _name, (_define, _help) in _OVERRIDES.items():
    _define(_name, None, f"{_help} (default: the experiment's)")
for _name, _help in _MONITORING.items():
    flags.DEFINE_integer(_name, getattr(Monitoring, _name), _help)


def _given(names: Iterable[str]) -> dict:
    """The flags among `names` that the command line sets."""
    values = {name: flags.FLAGS[name].value for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _experiment() -> Experiment:
    given = _given(_OVERRIDES)
    for name in ("scale_range", "stroke_range"):
        if name in given:
            given[name] = _numbers(given[name])
    return experiments.get(_EXPERIMENT.value).replace(**given)


def _numbers(words: Sequence[str]) -> tuple:
    """The words as numbers, or unchanged if one isn't a number: the check then names it."""
    try:
        return tuple(map(float, words))
    except ValueError:
        return tuple(words)


def _run_dir(experiment: Experiment) -> Path:
    if _RUN_DIR.value == "":
        raise ConfigError(
            f"run_dir=: expected a folder; leave the flag out for runs/{experiment.name}"
        )
    return Path(_RUN_DIR.value or Path("runs") / experiment.name).expanduser()


def _shares_run_dir() -> bool:
    """Whether other workers of the same run use its folder at the same time."""
    return _STRATEGY.value == "multi_worker" or (
        _STRATEGY.value == "auto" and bool(os.environ.get("TF_CONFIG"))
    )


def _train() -> int:
    # Before TensorFlow is loaded, so that a mistake shows at once.
    experiment = _experiment()
    monitoring = Monitoring(**_given(_MONITORING))
    how = Computing(**_given(field.name for field in dataclasses.fields(Computing)))
    how.check_share(experiment.batch_size)
    if experiment.initial_weights:
        weights.check(experiment.initial_weights)
    data_flags.check()
    run_dir = _run_dir(experiment)
    if not _shares_run_dir():
        with run_config.claim(run_dir):
            run_config.read(run_dir)

    from selforg_mnist.training import engines, strategies, training_loop

    if engines.choose(how.engine) == "living":
        lanes = how.lanes or engines.choose_lanes(experiment.batch_size)
        startup.one_thread_per_lane(max(lanes, _CPU_REPLICAS.value))
    elif engines.only_cpus():
        import tensorflow as tf

        # Numbers are added in an order that doesn't depend on which thread is first.
        tf.config.experimental.enable_op_determinism()
    # Before anything computes: TensorFlow must know its devices by then.
    distribution = strategies.choose(_STRATEGY.value, _TPU.value, _CPU_REPLICAS.value)
    digits = data_flags.load("train", experiment.seed)
    initial = experiment.initial_weights
    result = training_loop.train(
        experiment,
        digits,
        data_flags.load("test", experiment.seed, digits.source),
        run_dir,
        monitoring,
        how,
        distribution,
        weights.load(initial).model.ca_weights() if initial else None,
    )
    return 128 + signal.Signals[result.stopped_by] if result.stopped_by else 0


if __name__ == "__main__":
    startup.run(_train)
