"""Which devices a training runs on: TensorFlow's distribution strategies, chosen by name.

How the replicas of a strategy share a training step is in `replicas.py`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket

import tensorflow as tf

from selforg_mnist.errors import UserError, one_line

_LOCAL = "local"  # TensorFlow's name for the TPU of this machine
_PATIENCE = 10.0  # seconds
_CLUSTER = "TF_CONFIG"  # the variable that describes the cluster to TensorFlow's workers


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Which devices share a training."""

    name: str  # "one_device", "mirrored", "multi_worker" or "tpu"
    strategy: tf.distribute.Strategy | None  # None for one device, which needs none
    replicas: int  # how many share a batch, over all workers
    chief: bool  # whether this process writes the files
    why: str  # the reason for the choice, in words


ONE_DEVICE = Distribution("one_device", None, 1, True, "asked for")


def choose(name: str = "auto", tpu: str = "", cpu_replicas: int = 0) -> Distribution:
    """Makes a strategy. Call this before TensorFlow computes anything.

    Args:
      name: one of `computing.STRATEGIES`. "auto" takes the first of these that there is: a TPU
        that was named, the workers of TF_CONFIG, several GPUs, one device.
      tpu: name or address of a TPU; "local" for the one of this machine.
      cpu_replicas: for "mirrored" and "multi_worker": number of replicas on this machine's CPU,
        to try things out; 0: one for each GPU.

    Returns:
      distribution: strategy and devices.

    Raises:
      UserError: there are no such devices, or TF_CONFIG is wrong.
    """
    if cpu_replicas < 0 or (cpu_replicas and name not in ("mirrored", "multi_worker")):
        raise UserError(
            f"cpu_replicas={cpu_replicas}: expected 0, or a number of replicas with "
            "--strategy=mirrored or multi_worker"
        )
    if tpu and name not in ("auto", "tpu"):
        raise UserError(f"tpu={tpu}: expected --strategy=tpu with it, found {name}")
    if name == "auto":
        name, why = _by_devices(tpu)
    else:
        why = "asked for"
    if name == "one_device":
        return dataclasses.replace(ONE_DEVICE, why=why)
    tf.get_logger().setLevel("ERROR")  # otherwise it logs each sum over replicas
    if name == "tpu":
        return _tpu(tpu, why)
    if name == "multi_worker":
        return _multi_worker(cpu_replicas, why)
    return _mirrored(cpu_replicas, why)


def _by_devices(tpu: str) -> tuple[str, str]:
    if tpu:
        return "tpu", f"--tpu={tpu}"
    if os.environ.get(_CLUSTER):
        return "multi_worker", f"{_CLUSTER} names a cluster"
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus > 1:
        return "mirrored", f"{gpus} GPUs"
    return "one_device", "one GPU" if gpus else "no GPU, no TPU named, no cluster"


def _split_cpu(replicas: int) -> list[str]:
    """The names of devices that share this machine's CPU."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    share = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [share] * replicas)
    return [f"CPU:{i}" for i in range(replicas)]


def _mirrored(cpu_replicas: int, why: str) -> Distribution:
    devices = _split_cpu(cpu_replicas) if cpu_replicas else None
    if not devices and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            "strategy=mirrored: expected GPUs, found none; with --cpu_replicas=2 two replicas "
            "share the CPU"
        )
    strategy = tf.distribute.MirroredStrategy(devices)
    return Distribution("mirrored", strategy, strategy.num_replicas_in_sync, True, why)


def _multi_worker(cpu_replicas: int, why: str) -> Distribution:
    try:
        cluster = json.loads(os.environ[_CLUSTER])
        workers, task = cluster["cluster"]["worker"], cluster["task"]
        index, kind = int(task["index"]), task["type"]
        fits = kind == "worker" and 0 <= index < len(workers)
    except (KeyError, ValueError, TypeError):
        fits = False
    if not fits:
        raise UserError(
            f"{_CLUSTER}={os.environ.get(_CLUSTER, '')}: expected "
            '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": I}} '
            "with --strategy=multi_worker, I this worker's place in the list"
        )
    if cpu_replicas:
        _split_cpu(cpu_replicas)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return Distribution("multi_worker", strategy, strategy.num_replicas_in_sync, index == 0, why)


def _tpu(tpu: str, why: str) -> Distribution:
    tpu = tpu or _LOCAL
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu)
        if tpu != _LOCAL:
            _check_listening(resolver.master())
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        reason = one_line(error)
        raise UserError(
            f"strategy=tpu, tpu={tpu}: no TPU there ({reason}); give --tpu=NAME, and "
            "TensorFlow for TPUs as docs/devices.md says"
        ) from error
    return Distribution("tpu", strategy, strategy.num_replicas_in_sync, True, why)


def _check_listening(address: str) -> None:
    """Raises OSError if no one listens at grpc://HOST:PORT; TensorFlow would wait for minutes."""
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    socket.create_connection((host, int(port)), _PATIENCE).close()
