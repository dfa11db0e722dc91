"""Impostors: two rules in one table, the training of one of them, and the command."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from experiments.impostors import film, measure, training, two_rules
from selforg_mnist import experiment, spec, weights
from selforg_mnist.cells import living_cells
from selforg_mnist.data.digits import load_digits
from selforg_mnist.model import CAWeights
from selforg_mnist.randomness import Purpose, derive, root_key
from selforg_mnist.training import pool as pools
from support import command, foreign_files, known_models, reference_ca

KEY = root_key(5)
SHIPPED = Path(training.__file__).with_name("impostor_l2_noise.keras")


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "test", num_drawn=12)


def placed(digits, share, seed=0):
    """The cells of digits, and places of impostors among them."""
    masks = np.random.default_rng(seed).random(digits.images.shape) < share
    cells = living_cells.find(tf.constant(digits.gray()))
    return masks, cells, two_rules.find(cells, tf.constant(masks))


def rolled_out(rules, digits, share, steps=3):
    """States [N, H, W, C - 1] after some steps from zero."""
    _, cells, places = placed(digits, share)
    width = rules.honest.residual_bias.shape[0]
    table = living_cells.to_table(cells, tf.zeros([*digits.images.shape, width]))
    table = two_rules.rollout(rules, cells, places, table, steps, KEY)
    return living_cells.to_image(cells, table, tf.constant(digits.images.shape)).numpy()


class TestTwoRules:
    @pytest.mark.slow
    def test_step_is_that_of_the_formula(self, drawn):
        honest = known_models.random_model(fire_rate=1.0)
        impostor = known_models.random_model(fire_rate=1.0)
        impostor.set_weights(reference_ca.random_weights(seed=1))
        rules = two_rules.Rules.of(honest, impostor.ca_weights())
        masks, *_ = placed(drawn, 0.3)
        x = honest.initialize(drawn.gray())
        for _ in range(3):
            x = tf.where(masks[..., None], impostor(x), honest(x))
        np.testing.assert_allclose(rolled_out(rules, drawn, 0.3), x[..., 1:], atol=1e-5)

    @pytest.mark.slow
    def test_impostors_that_are_nowhere_change_nothing(self, drawn):
        model = weights.load("l2_noise").model
        wild = CAWeights(*(w + 1.0 for w in model.ca_weights()))
        rules = two_rules.Rules.of(model, model.ca_weights())
        alike = rolled_out(rules, drawn, 0.0)
        np.testing.assert_array_equal(rolled_out(rules._replace(impostor=wild), drawn, 0.0), alike)

    def test_each_rule_draws_firing_and_noise_of_its_own(self, drawn):
        model = known_models.bias_model(np.zeros(19), fire_rate=0.5, residual_noise=0.02)
        rules = two_rules.Rules.of(model, model.ca_weights())
        alive = spec.alive_mask(drawn.gray())
        honest, impostor = (
            rolled_out(rules, drawn, share, steps=1)[alive] for share in (0.0, 1.1)
        )
        fired = [(part != 0).any(axis=1) for part in (honest, impostor)]
        assert np.mean(fired[0] & fired[1]) == pytest.approx(0.25, abs=0.05)
        both = fired[0] & fired[1]
        assert abs(np.corrcoef(honest[both].ravel(), impostor[both].ravel())[0, 1]) < 0.1
        assert honest[fired[0]].std() == pytest.approx(0.02, rel=0.1)
        assert impostor[fired[1]].std() == pytest.approx(0.02, rel=0.1)


@pytest.fixture(scope="module")
def trained():
    """Two training steps: the training, and the states before, between and after."""
    digits = load_digits("drawn", "train", num_drawn=100)
    config = experiment.l2_noise().replace(batch_size=8, pool_size=16, rollout_steps=4)
    source = pools.source_of(digits.images, digits.labels)
    model = weights.load("l2_noise").model
    subject = training.Training(model, 3, source, config)
    states = [subject.initial_state()]
    for _ in range(2):
        states.append(subject.train_step(states[-1])[0])
    return subject, model, states


class TestTraining:
    @pytest.mark.slow
    def test_masks_stay_with_their_samples(self, trained):
        _, _, (before, after, _) = trained
        key = derive(root_key(0), 0, Purpose.POOL)
        drawn, _ = (
            part.numpy() if hasattr(part, "numpy") else part
            for part in pools.sample(before.pool, 8, key)
        )
        changed = (before.masks != after.masks).numpy().any(axis=(1, 2))
        other_digit = (before.pool.images != after.pool.images).numpy().any(axis=(1, 2))
        assert set(np.flatnonzero(changed)) == set(drawn[:2])  # the fresh quarter
        assert set(np.flatnonzero(other_digit)) == {*drawn[:2], *drawn[6:]}  # and the mutated
        assert after.masks.numpy().mean() == pytest.approx(training.SHARE, abs=0.02)

    def test_only_impostors_learn(self, trained):
        _, model, states = trained
        for now, shipped in zip(
            model.get_weights(), weights.load("l2_noise").model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(now, shipped)
        first, between, last = (state.impostor for state in states)
        assert not first.residual_kernel.numpy().any()
        moved = [not np.array_equal(a, b) for a, b in zip(first, between, strict=True)]
        assert moved == [False] * 4 + [True] * 2  # behind a kernel of zeros nothing has a gradient
        assert all(not np.array_equal(a, b) for a, b in zip(between, last, strict=True))

    def test_first_update_is_as_large_in_each_variable(self, trained):
        # A gradient of norm 1 in each variable gives Adam's first moment a norm of 0.1.
        _, _, (_, state, _) = trained
        norms = [float(tf.norm(moment)) for moment in state.adam.first]
        np.testing.assert_allclose(norms, [0.0] * 4 + [0.1] * 2, atol=1e-5)

    def test_target_is_the_label_of_all_cells(self, trained):
        subject, model, _ = trained
        says_3 = np.zeros(19, np.float32)
        says_3[-7] = 1.0
        impostor = known_models.bias_model(says_3).ca_weights()
        digits = subject._source.gather(tf.range(8))
        batch = pools.Pool(*digits, tf.zeros([8, 28, 28, 19]), tf.zeros([8], tf.int32))
        masks = tf.ones([8, 28, 28], tf.bool)
        losses = []
        for target in (3, 8):
            other = training.Training(model, target, subject._source, subject.config)
            losses.append(other.loss(impostor, batch, masks, KEY)[0])
        assert losses[0] < losses[1]

    def test_impostors_among_wider_cells_do_what_they_did(self):
        wide = weights.load("robust").model
        narrow = known_models.random_model()
        widened = training.widened_to(wide, narrow).impostor
        x = np.random.default_rng(0).random((1, 5, 5, 20), np.float32)
        padded = np.concatenate([x[..., :10], np.zeros((1, 5, 5, 4)), x[..., 10:]], axis=-1)
        got = widened.residual(padded).numpy()
        expected = narrow.residual(x).numpy()
        np.testing.assert_allclose(got[..., -10:], expected[..., -10:], atol=1e-5)
        np.testing.assert_array_equal(got[..., 9:13], 0.0)
        assert (widened.fire_rate, widened.residual_noise) == (0.5, 0.02)


@pytest.mark.slow
def test_impostors_come_and_go(drawn):
    """Impostors that say 3 at once: only honest cells count, and a former impostor is honest."""
    quiet = known_models.bias_model(np.zeros(19), residual_noise=0.0)
    loud = np.zeros(19)
    loud[-7] = 1.0
    made = training.Trained(known_models.bias_model(loud), [], 0.0)
    found = measure.measure(quiet, made, drawn, 9, 0, 3, [0.0, 0.5])
    assert [votes.shape for votes in found.votes] == [(9, 12, 10)] * 2
    alive = spec.alive_mask(drawn.gray()).sum(axis=(1, 2))
    assert not found.impostors[0].any()
    honest = alive - found.impostors[1]
    said = found.votes[1]
    np.testing.assert_array_equal(said[:3].sum(axis=2), np.tile(alive, (3, 1)))
    np.testing.assert_array_equal(said[3:6].sum(axis=2), np.tile(honest, (3, 1)))
    np.testing.assert_array_equal(said[3:6, :, 3], 0)  # honest cells don't move here
    np.testing.assert_array_equal(said[6:, :, 3], np.tile(found.impostors[1], (3, 1)))


@pytest.mark.slow
def test_film_frames_digits_that_are_wrong(drawn):
    says_0 = known_models.bias_model(np.zeros(19))
    made = training.Trained(says_0, [], 0.0)
    attack = measure.Attack(says_0, made, 3, [], [np.zeros((3, 1, 10))], [])
    for frame in film.frames(attack, drawn, seed=0, share=1.0, come=0, leave=3):
        corners = [frame[60 * (i // 10), 60 * (i % 10)] for i in range(12)]  # 28 cells, gap 2
        framed = [tuple(corner) == film.RED for corner in corners]
        assert framed == (drawn.labels != 0).tolist()


class TestShippedImpostors:
    def test_are_read_as_any_weights_and_recorded(self):
        loaded = weights.load(str(SHIPPED))
        assert loaded.model.count_params() == spec.NUM_PARAMETERS
        data = SHIPPED.read_bytes()
        assert len(data) < 150_000
        record = json.loads(SHIPPED.with_suffix(".json").read_text())
        assert record["weights"]["sha256"] == hashlib.sha256(data).hexdigest()
        assert record["dataset"] == "mnist"

    @pytest.mark.slow
    def test_turn_most_drawn_digits_into_an_8(self, drawn):
        model = weights.load("l2_noise").model
        made = training.widened_to(model, weights.load(str(SHIPPED)).model)
        found = measure.measure(model, made, drawn, 180, 0, 8, [0.1])
        said = found.said_by_all(0, drawn.labels)
        assert said[59] < 0.3
        assert said[119] > 0.6


FLAGS = ("--dataset=drawn", "--num_samples=12", "--steps=9", "--shares=1,10", "--output_dir=out")


@pytest.mark.slow
@pytest.mark.long
def test_command_trains_and_reports(tmp_path):
    status, _, said = command.run(
        "experiments.impostors",
        *FLAGS,
        "--weights=l2_noise,robust",
        "--train_steps=2",
        "--target=3",
        cwd=tmp_path,
    )
    assert status == 0, said
    numbers = json.loads((tmp_path / "out" / "impostors.json").read_text())
    assert "--target=3" in numbers["about"]["command"]
    assert "--train_steps=2" in (tmp_path / "out" / "report.md").read_text()
    for name in ("l2_noise", "robust"):
        assert numbers["models"][name]["training"]["target"] == 3
        loaded = weights.load(str(tmp_path / "out" / f"impostor_{name}.keras"))
        assert loaded.model.channels == weights.load(name).model.channels
    files = {"report.md", "curves.png", "resisting.png", "film.gif", "film_from_start.gif"}
    files |= {"impostor_robust.json"}
    assert files <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.slow
@pytest.mark.long
def test_command_takes_the_notebooks_checkpoint(tmp_path):
    foreign_files.write_checkpoint(tmp_path / "saved_model", reference_ca.random_weights())
    status, _, said = command.run(
        "experiments.impostors",
        *FLAGS,
        "--weights=consensus",
        "--impostors=saved_model",
        cwd=tmp_path,
    )
    assert status == 0, said


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--target=3"], "target=3: the impostors that come with the study want 8"),
        (["--shares=5,200"], "shares=5,200: expected numbers from 0 to 100"),
        (["--impostors=x.keras", "--train_steps=1"], "expected one of the two"),
        (["--impostors=x.keras"], "x.keras: can't be read"),
    ],
)
def test_mistakes(tmp_path, flags, expected):
    said = command.refused("experiments.impostors", "--output_dir=out", *flags, cwd=tmp_path)
    assert expected in said
