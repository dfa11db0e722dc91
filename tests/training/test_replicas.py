"""Replicas train like one, draw different numbers, and resume with more or fewer replicas."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist import experiment
from selforg_mnist.experiment import ConfigError
from selforg_mnist.training import replicas
from support import command

pytestmark = pytest.mark.slow

TRAIN = "selforg_mnist.train"
SMALL = (
    *("--dataset=drawn", "--batch_size=8", "--pool_size=16", "--rollout_steps=4"),
    *("--log_every=10", "--eval_samples=4", "--eval_steps=4"),
)
TWO = ("--strategy=mirrored", "--cpu_replicas=2")


@pytest.fixture(scope="module")
def two_replicas():
    script = command.ROOT / "tests" / "support" / "two_replicas.py"
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(command.ROOT)},
        capture_output=True,
        text=True,
        timeout=command.TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_replicas_learn_what_one_learns_from_the_same_samples(two_replicas):
    found = two_replicas["equality"]
    assert found["step"] == 20
    assert found["moved"] > 0.01
    # Float32 rounding, in sums of another order, over 20 steps.
    assert found["weights"] < 5e-5
    assert found["states"] < 5e-5
    assert found["images"] == 0
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-5)


def test_two_replicas_draw_other_digits_and_other_masks(two_replicas):
    found = two_replicas["draws"]
    assert found["images"] > 0.05
    assert found["rate"] == pytest.approx(0.5, abs=0.1)
    # Two independent masks with rate 0.5 differ in half of the cells.
    assert found["fired"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("options", "count", "message"),
    [
        ({"batch_size": 20}, 2, "batch_size=20: expected a multiple of 8 for 2 replicas"),
        ({"pool_size": 161}, 2, "pool_size=161: expected a multiple of 2"),
        ({}, 8, "batch_size=16: expected a multiple of 32 for 8 replicas"),
        ({"pool_mode": "naive"}, 3, "batch_size=16: expected a multiple of 3"),
    ],
)
def test_what_can_not_be_shared_is_refused(options, count, message):
    with pytest.raises(ConfigError, match=message):
        replicas.check_shares(experiment.l2_noise().replace(**options), count)


def test_what_can_be_shared_is_not():
    replicas.check_shares(experiment.l2_noise(), 4)
    replicas.check_shares(experiment.l2_noise().replace(pool_mode="naive"), 16)


def train(folder, steps, *flags):
    status, _, said = command.run(
        TRAIN, *SMALL, f"--train_steps={steps}", "--run_dir=run", *flags, cwd=folder
    )
    assert status == 0, said
    return said


def state_of(folder):
    newest = max((folder / "run" / "checkpoints").glob("*.npz"))
    with np.load(newest) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.long
def test_a_run_goes_from_one_replica_to_two_and_back(tmp_path):
    """With two, in one go or in two are the same, bit for bit."""
    run = tmp_path / "a" / "run"
    run.parent.mkdir()
    said = train(run.parent, 10)
    assert "Strategy: one_device, 1 replica(s)" in said
    before = state_of(run.parent)
    shutil.copytree(run.parent, tmp_path / "b")
    said = train(run.parent, 20, *TWO)
    assert "Resuming from" in said
    assert "Strategy: mirrored, 2 replica(s); asked for." in said
    between = state_of(run.parent)
    assert between["step"] == 20
    for name in before:
        assert between[name].shape == before[name].shape, name
    assert between["pool.age"].max() > before["pool.age"].max()
    config = json.loads((run / "config.json").read_text())
    assert config["engine"]["replicas"] == 2
    train(run.parent, 30, *TWO)
    train(tmp_path / "b", 30, *TWO)
    twice, once = state_of(run.parent), state_of(tmp_path / "b")
    for name in once:
        np.testing.assert_array_equal(once[name], twice[name], err_msg=name)
    said = train(run.parent, 40)
    assert "Resuming from" in said
    after = state_of(run.parent)
    assert after["step"] == 40
    assert all(np.isfinite(part).all() for part in after.values())


class Workers:
    """Processes that train together on this machine."""

    def __init__(self, folder, *flags):
        with socket.socket() as one, socket.socket() as other:
            for each in (one, other):
                each.bind(("127.0.0.1", 0))
            addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]
        self.logs = [folder / f"worker{i}.log" for i in range(2)]
        self.processes = []
        for index, log in enumerate(self.logs):
            task = {"type": "worker", "index": index}
            cluster = json.dumps({"cluster": {"worker": addresses}, "task": task})
            environment = {"TF_CONFIG": cluster, "PYTHONPATH": str(command.ROOT)}
            with log.open("w") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", TRAIN, *SMALL, "--run_dir=run", *flags],
                    cwd=folder,
                    env=os.environ | environment,
                    stdout=output,
                    stderr=output,
                )
            self.processes.append(process)

    def wait(self):
        """The exit statuses."""
        return [process.wait(command.TIMEOUT) for process in self.processes]

    def until(self, there):
        deadline = time.monotonic() + command.TIMEOUT
        while not there():
            assert time.monotonic() < deadline, self.said(0)
            assert self.processes[0].poll() is None, self.said(0)
            time.sleep(0.1)

    def said(self, index):
        return self.logs[index].read_text()

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def workers(tmp_path):
    started = []

    def start(*flags):
        started.append(Workers(tmp_path, *flags))
        return started[-1]

    yield start
    for each in started:
        each.end()


def checkpoints(folder):
    return sorted((folder / "run" / "checkpoints").glob("*.npz"))


@pytest.mark.long
def test_two_workers_train_together_and_are_as_two_replicas(workers, tmp_path):
    pair = workers("--train_steps=12")
    assert pair.wait() == [0, 0], pair.said(0) + pair.said(1)
    assert "Strategy: multi_worker, 2 replica(s); TF_CONFIG names a cluster." in pair.said(1)
    assert "Saved" in pair.said(0)
    assert "Saved" not in pair.said(1)
    together = state_of(tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    train(alone, 12, *TWO)
    for name, part in state_of(alone).items():
        np.testing.assert_allclose(
            np.asarray(together[name], float), part, rtol=0, atol=1e-5, err_msg=name
        )


@pytest.mark.long
def test_the_loss_of_a_worker_ends_the_run_cleanly_and_it_resumes(workers, tmp_path):
    pair = workers("--train_steps=100000", "--checkpoint_every=10")
    pair.until(lambda: len(checkpoints(tmp_path)) >= 2)
    pair.processes[1].kill()
    assert pair.wait()[0] == 1
    last = pair.said(0).splitlines()[-1]
    assert last.startswith("error: another worker is lost (")
    assert str(checkpoints(tmp_path)[-1].relative_to(tmp_path)) in last
    assert "Traceback" not in last
    step = int(state_of(tmp_path)["step"])

    pair = workers(f"--train_steps={step + 10}")
    assert pair.wait() == [0, 0], pair.said(0)
    assert f"step-{step:08d}.npz" in pair.said(1)  # the step that it resumed from
    assert state_of(tmp_path)["step"] == step + 10


@pytest.mark.long
def test_one_worker_is_told_to_stop_and_all_stop(workers, tmp_path):
    pair = workers("--train_steps=100000", "--checkpoint_every=10")
    pair.until(lambda: checkpoints(tmp_path))
    pair.processes[1].send_signal(signal.SIGTERM)
    assert pair.wait() == [128 + signal.SIGTERM] * 2, pair.said(0) + pair.said(1)
    assert "Stopped by SIGTERM" in pair.said(0)
    newest = int(state_of(tmp_path)["step"])
    assert f"Stopped by SIGTERM at step {newest} of" in pair.said(0)


@pytest.mark.parametrize(
    ("flags", "env", "message"),
    [
        (["--strategy=mirrored"], {}, "strategy=mirrored: expected GPUs, found none"),
        (["--cpu_replicas=2"], {}, "cpu_replicas=2: expected 0, or a number of replicas with"),
        (["--strategy=multi_worker"], {}, "TF_CONFIG=: expected"),
        (["--strategy=multi_worker"], {"TF_CONFIG": "{}"}, "TF_CONFIG={}: expected"),
        (["--strategy=mirrored", "--tpu=x"], {}, "tpu=x: expected --strategy=tpu with it"),
        (["--strategy=tpu"], {}, "strategy=tpu, tpu=local: no TPU there"),
        (["--tpu=grpc://127.0.0.1:1"], {}, "tpu=grpc://127.0.0.1:1: no TPU there ([Errno 111]"),
        (["--batch_size=12", *TWO], {}, "batch_size=12: expected a multiple of 8 for 2 replicas"),
    ],
)
@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there are GPUs")
def test_mistakes(tmp_path, flags, env, message):
    said = command.refused(
        TRAIN, "--dataset=drawn", *flags, cwd=tmp_path, env=env, tensorflow=True
    )
    assert message in said
    assert not (tmp_path / "runs" / "l2_noise" / "config.json").exists()
