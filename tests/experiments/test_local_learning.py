"""Local learning: gradients that are cut, errors that stay with their neuron, and the report."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from experiments.local_learning import measure, report
from experiments.local_learning.cutting import CutEngine
from experiments.local_learning.gated import GatedNetwork
from selforg_mnist import experiment, spec
from selforg_mnist.data.digits import load_digits, one_hot_targets
from selforg_mnist.errors import UserError
from selforg_mnist.model import CAModel, CAWeights, gray_of
from selforg_mnist.randomness import root_key
from selforg_mnist.training import engines
from selforg_mnist.training import pool as pools
from selforg_mnist.training.computing import Computing
from support import command, reference_ca

CHANNELS, HIDDEN, CA_STEPS = 13, 8, 4
SMALL = experiment.get("l2_noise").replace(
    channels=CHANNELS,
    hidden_channels=HIDDEN,
    rollout_steps=CA_STEPS,
    batch_size=4,
    pool_size=8,
    train_steps=3,
)
ONE_LANE = Computing("living", 1)
STEADY = SMALL.replace(fire_rate=1.0, residual_noise=0.0)  # nothing is drawn


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "train", num_drawn=60)


@pytest.fixture(scope="module")
def batch(drawn):
    source = pools.source_of(drawn.images[:, 4:24, 4:24], drawn.labels)
    return pools.fresh(source, 4, root_key(0), CHANNELS)


@pytest.fixture(scope="module")
def weights():
    return CAWeights(*map(tf.constant, reference_ca.random_weights(CHANNELS, HIDDEN)))


def learnt(engine, weights, batch):
    """An engine's loss and its gradients."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        rolled_out = engine.roll_out(weights, batch, root_key(1))
    return rolled_out, tape.gradient(rolled_out.loss, weights)


class TestCutGradients:
    @pytest.mark.slow
    @pytest.mark.parametrize("reach", [1, 2, 4])
    def test_are_those_of_parts_that_do_not_know_of_each_other(self, weights, batch, reach):
        """Against the dense model: a part starts from a state that is a mere number to it."""
        model = CAModel(CHANNELS, HIDDEN, fire_rate=1.0)
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)
        gray = gray_of(batch.images)
        targets = one_hot_targets(gray, batch.labels)
        x, losses, parts = model.initialize(gray), [], []
        for _ in range(0, CA_STEPS, reach):
            with tf.GradientTape() as tape:
                x = model.rollout(tf.constant(x.numpy()), reach, seed=0)
                losses.append(tf.reduce_sum((model.classify(x) - targets) ** 2) / 2)
            parts.append(tape.gradient(losses[-1], model.trainable_variables))
        expected = [tf.add_n(list(of_each)) for of_each in zip(*parts, strict=True)]
        rolled_out, gradients = learnt(CutEngine(STEADY, ONE_LANE, reach), weights, batch)
        np.testing.assert_allclose(rolled_out.loss, sum(losses), rtol=1e-4)
        np.testing.assert_allclose(rolled_out.state, x[..., 1:], atol=1e-4)
        for ours, theirs in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())

    @pytest.mark.slow
    def test_without_a_cut_they_are_the_package_s(self, weights, batch):
        ours, theirs = (
            learnt(engine, weights, batch)
            for engine in (CutEngine(SMALL, ONE_LANE, CA_STEPS), engines.Living(SMALL, ONE_LANE))
        )
        np.testing.assert_allclose(ours[0].loss, theirs[0].loss, rtol=1e-6)
        np.testing.assert_array_equal(ours[0].state, theirs[0].state)
        for a, b in zip(ours[1], theirs[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())

    @pytest.mark.slow
    def test_at_one_step_no_cell_learns_to_write_for_its_neighbours(self, weights, batch):
        """Only the logits are judged; what else a cell writes is of use in later steps only."""
        written = {}
        for reach in (1, 2):
            _, gradients = learnt(CutEngine(SMALL, ONE_LANE, reach), weights, batch)
            written[reach] = gradients.residual_kernel[..., : -spec.NUM_CLASSES].numpy()
            assert np.any(gradients.residual_kernel[..., -spec.NUM_CLASSES :])
        assert not written[1].any()
        assert written[2].any()


@pytest.fixture(scope="module")
def gray(drawn):
    return drawn.gray().reshape(60, -1)


@pytest.fixture
def network(drawn, gray):
    network = GatedNetwork(gray.mean(axis=0), seed=0)
    network.learn(drawn)
    return network


class TestGatedNetwork:
    def test_gradient_is_that_of_the_neuron_s_own_error(self, network, drawn, gray):
        gradients = network.gradients(gray, drawn.labels)
        rng = np.random.default_rng(0)
        for layer, weights in enumerate(network.weights):
            weights = network.weights[layer] = weights.astype(np.float64)
            for _ in range(3):
                label, _, branch = place = tuple(rng.integers(weights.shape))
                neuron = branch // (weights.shape[2] // network_width(network, gray, layer))
                found = []
                for change in (1e-3, -2e-3):
                    weights[place] += change
                    *_, outputs = list(network.layers(gray))[layer]
                    errors = outputs[label, :, neuron] - (drawn.labels == label)
                    found.append((errors**2).mean() / 2)
                weights[place] += 1e-3
                slope = (found[0] - found[1]) / 2e-3
                np.testing.assert_allclose(gradients[layer][place], slope, atol=1e-5)

    def test_no_error_reaches_another_neuron(self, network, drawn, gray):
        before = network.gradients(gray, drawn.labels)
        for weights in network.weights[1:]:
            weights += 1.0  # all neurons above the first layer
        after = network.gradients(gray, drawn.labels)
        np.testing.assert_array_equal(before[0], after[0])
        assert np.any(before[1] != after[1])
        network.weights[0][3, :, -1] += 1.0  # a branch of the last neuron, in the network of a 3
        last = network.gradients(gray, drawn.labels)
        changed = (last[0] != after[0]).any(axis=1)  # [10, neurons * branches]
        others = np.delete(np.arange(10), 3)
        assert not changed[others].any()
        assert changed[3].any()
        branches = changed.shape[1] // network_width(network, gray, 0)
        assert not changed[3, :-branches].any()
        np.testing.assert_array_equal(last[1][others], after[1][others])

    def test_target_of_a_label_is_the_affair_of_its_network(self, network, drawn, gray):
        other = np.where(drawn.labels == 3, 4, drawn.labels)
        before, after = (network.gradients(gray, labels) for labels in (drawn.labels, other))
        for a, b in zip(before, after, strict=True):
            assert sorted(np.unique(np.nonzero(a != b)[0])) == [3, 4]

    def test_gates_are_fixed_and_closed_branches_learn_nothing(self, network, drawn, gray):
        gates = [gates for _, gates, _ in network.layers(gray)]
        planes = [each.copy() for each in network.half_spaces]
        before = [each.copy() for each in network.weights]
        one = dataclasses.replace(drawn, images=drawn.images[:1], labels=drawn.labels[:1])
        network.learn(one)
        for layer, (_, now, _) in enumerate(network.layers(gray)):
            np.testing.assert_array_equal(now, gates[layer])
            np.testing.assert_array_equal(network.half_spaces[layer], planes[layer])
            assert 0.3 < now.mean() < 0.7
            changed = (network.weights[layer] != before[layer]).any(axis=(0, 1))
            np.testing.assert_array_equal(changed, gates[layer][0] == 1)

    def test_learns(self, network, drawn):
        for _ in range(8):
            network.learn(drawn)
        assert (network.logits(drawn).argmax(axis=1) == drawn.labels).mean() > 0.8


def network_width(network, gray, layer):
    """How many neurons a layer has for each label."""
    *_, outputs = list(network.layers(gray[:1]))[layer]
    return outputs.shape[2]


@pytest.mark.slow
def test_memory_is_that_of_the_longest_part(drawn, tmp_path):
    study = measure.Settings(tmp_path, SMALL, drawn, drawn, 5, reaches=(1, 2, 4))
    memory = measure.memory_of_a_step(study)
    assert memory[1] < memory[2] < memory[4]
    assert 1.8 < memory[4] / memory[2] <= 2.0


@pytest.fixture(scope="module")
def study(drawn, tmp_path_factory):
    tiny = SMALL.replace(rollout_steps=2, train_steps=8)
    folder = tmp_path_factory.mktemp("runs")
    return measure.Settings(folder, tiny, drawn, drawn, 5, reaches=(2,))


class TestStudy:
    @pytest.mark.slow
    def test_report_has_every_part_and_a_second_run_takes_them_as_they_are(self, study, tmp_path):
        found = measure.run(study)
        about = {"command": "python -m experiments.local_learning", **study.about()}
        names = report.write(tmp_path, found, about)
        assert {path.name for path in tmp_path.iterdir()} == set(names)
        page = (tmp_path / "report.md").read_text()
        assert "| CA steps between two cuts | 2 |" in page
        assert f"| {found['cut_gradients']['2']['cell_accuracy']:.1f} |" in page
        numbers = json.loads((tmp_path / "local_learning.json").read_text())
        assert numbers["forgetting"] == found["forgetting"]
        assert list(found["forgetting"]) == ["gated network", "ordinary network", "CA"]
        for each in found["forgetting"].values():
            assert each["first_before_of_five"] >= each["first_before"]
            assert each["first_after_of_five"] >= each["first_after"]
        networks = found["without_cells"]["networks"].values()
        sizes = [network["weights"] for network in networks]
        assert abs(sizes[1] - sizes[0]) < 0.01 * sizes[0]
        assert measure.run(study) == found

    @pytest.mark.slow
    def test_training_goes_on_from_its_checkpoint(self, study, tmp_path):
        source = pools.source_of(study.digits.images, study.digits.labels)
        trainer = measure.CutTrainer(study.experiment, source, 1)
        whole = measure.advance(trainer, tmp_path / "whole", 2)
        straight = [weight.numpy() for weight in trainer.model.ca_weights()]
        measure.advance(trainer, tmp_path / "parts", 1)
        assert measure.advance(trainer, tmp_path / "parts", 2)["steps"] == 1
        for ours, theirs in zip(trainer.model.ca_weights(), straight, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        assert whole["step"] == 2
        assert measure.advance(trainer, tmp_path / "parts", 2) == {}
        with pytest.raises(UserError, match="train_steps=1: expected 2 or more"):
            measure.advance(trainer, tmp_path / "parts", 1)


@pytest.mark.slow
@pytest.mark.long
def test_command(tmp_path):
    flags = ("--dataset=drawn", "--train_steps=1", "--num_samples=20", "--steps=5")
    status, printed, said = command.run(
        "experiments.local_learning", *flags, "--output_dir=out", cwd=tmp_path
    )
    assert status == 0, said
    assert "report.md" in printed
    numbers = json.loads((tmp_path / "out" / "local_learning.json").read_text())
    assert list(numbers["cut_gradients"]) == ["1", "2", "5", "10", "20"]
    assert "python -m experiments.local_learning" in (tmp_path / "out" / "report.md").read_text()
