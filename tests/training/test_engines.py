"""The engines in training: what is chosen for them, their precision, the padded one's rows."""

import collections
import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context as eager_context

from selforg_mnist.cells import padded_cells
from selforg_mnist.data import digits
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.training import engines
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer
from support import reference_ca

ENGINES = ["dense", "living", "padded"]
TINY = Experiment("tiny", residual_noise=0.02, batch_size=8, pool_size=16, rollout_steps=3)
# Firing is drawn by each engine in its own layout; here it leaves nothing to chance.
CERTAIN = TINY.replace(fire_rate=1.0, residual_noise=0.0)


@pytest.fixture(scope="module")
def source():
    drawn = digits.load_digits("drawn", "train", num_drawn=20)
    return source_of(drawn.images[:, 4:24, 4:24], drawn.labels)


@pytest.fixture(scope="module")
def trained(source):
    """A function that takes some training steps, from weights that do something."""

    @functools.cache
    def trained(experiment, computing, steps=2):
        trainer = Trainer(experiment, source, computing)
        state = trainer.initial_state()
        weights = type(state.weights)(*map(tf.constant, reference_ca.random_weights()))
        return trainer.run(state._replace(weights=weights), tf.constant(steps))

    return trained


class TestChoice:
    def test_lanes_are_of_the_living_engine_only(self, source):
        for engine in ENGINES:
            resolved = engines.resolve(Computing(engine), source.images, 8)
            assert resolved.lanes == (engines.choose_lanes(8) if engine == "living" else 1)
            assert engines.resolve(resolved, source.images, 8) == resolved

    def test_lanes_and_capacity_asked_for_are_kept(self, source):
        living = engines.resolve(Computing("living", lanes=4), source.images, 8)
        assert living.lanes == 4
        padded = engines.resolve(Computing("padded", capacity=700), source.images, 8)
        assert padded.capacity == 700

    @pytest.mark.parametrize("batch", [4, 8])
    def test_capacity_is_what_the_digits_need(self, source, batch):
        needed = padded_cells.capacity_for(source.images.numpy(), batch)
        resolved = engines.resolve(Computing("padded"), source.images, batch)
        assert resolved.capacity == needed
        assert needed % 128 == 0

    def test_capacity_is_that_of_a_replica(self, source):
        alone, one_of_two = (
            Trainer(TINY, source, Computing("padded"), replicas).computing.capacity
            for replicas in (1, 2)
        )
        assert one_of_two < alone

    def test_lanes_that_the_chosen_engine_does_not_have_are_refused(self, source, monkeypatch):
        monkeypatch.setattr(engines, "choose", lambda engine: "dense")  # as beside a GPU
        with pytest.raises(ConfigError, match=r"lanes=2: .*; the engine is dense"):
            engines.resolve(Computing("auto", lanes=2), source.images, 8)


def optimised_graphs(trainer):
    """The nodes of each function of a training step, as TensorFlow runs it."""
    context = eager_context.context()
    context.enable_graph_collection()
    try:
        trainer.run(trainer.initial_state(), tf.constant(1))
        traced = context.export_run_metadata().function_graphs
    finally:
        context.disable_graph_collection()
    for graph in (collected.post_optimization_graph for collected in traced):
        yield from (graph.node, *(function.node_def for function in graph.library.function))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_of_no_sum_depends_on_what_is_done_first(source, engine):
    """TensorFlow's AddN begins with the first tensor that it may write over.

    With three and more, another beginning rounds otherwise, and whether a tensor that somebody
    else reads, too, may be written over already is a matter of chance.
    """
    lanes = 2 if engine == "living" else 1
    sums = 0
    for nodes in optimised_graphs(Trainer(TINY, source, Computing(engine, lanes))):
        readers = collections.Counter(name for node in nodes for name in node.input)
        for node in nodes:
            if node.op == "AddN" and node.attr["N"].i > 2:
                sums += 1
                assert [readers[name] for name in node.input] == [1] * node.attr["N"].i, node.name
    assert sums >= 5  # the gradients of most of the weights


class TestPadded:
    def test_trains_as_the_others_where_nothing_is_left_to_chance(self, trained):
        state, metrics = trained(CERTAIN, Computing("padded"))
        for engine in ("dense", "living"):
            other, theirs = trained(CERTAIN, Computing(engine))
            assert float(metrics.loss) == pytest.approx(float(theirs.loss), rel=1e-5)
            np.testing.assert_allclose(state.pool.state, other.pool.state, atol=1e-4)
        assert float(metrics.overflow) == 0.0

    def test_any_capacity_that_suffices_gives_the_same(self, trained):
        state, _ = trained(CERTAIN, Computing("padded"))
        other, _ = trained(CERTAIN, Computing("padded", capacity=2000))
        np.testing.assert_allclose(state.pool.state, other.pool.state, atol=1e-5)

    def test_another_capacity_draws_other_masks(self, trained):
        state, _ = trained(TINY, Computing("padded"))
        other, _ = trained(TINY, Computing("padded", capacity=2000))
        assert np.abs(state.pool.state - other.pool.state).max() > 0.01

    def test_overflow_is_counted_and_ends_the_call(self, source, trained):
        state, metrics = trained(TINY, Computing("padded", capacity=128), steps=10)
        assert int(state.step) == 1
        assert np.isnan(metrics.loss)
        trainer = Trainer(TINY, source, Computing("padded"))
        shown = trainer.preview(trainer.initial_state())[0]
        living = reference_ca.alive(shown.images.numpy() / np.float32(255)).sum()
        assert float(metrics.overflow) == living - 128

    def test_others_never_overflow(self, trained):
        for engine in ("dense", "living"):
            assert float(trained(TINY, Computing(engine))[1].overflow) == 0.0


@pytest.mark.parametrize("engine", ENGINES)
class TestBfloat16:
    def test_rounds_products_and_little_else(self, trained, engine):
        state, metrics = trained(CERTAIN, Computing(engine), steps=1)
        rounded, theirs = trained(CERTAIN, Computing(engine, precision="bfloat16"), steps=1)
        assert float(theirs.loss) == pytest.approx(float(metrics.loss), rel=0.01)
        np.testing.assert_allclose(theirs.gradient_norms, metrics.gradient_norms, rtol=0.02)
        off = np.abs(rounded.pool.state - state.pool.state).max() / np.abs(state.pool.state).max()
        assert 1e-4 < off < 2e-2  # bfloat16 has eight bits
        for first, exact in zip(rounded.adam.first, state.adam.first, strict=True):
            cosine = np.vdot(first, exact) / np.linalg.norm(first) / np.linalg.norm(exact)
            assert cosine > 0.999

    def test_states_and_weights_stay_float32(self, trained, engine):
        state, metrics = trained(CERTAIN, Computing(engine, precision="bfloat16"), steps=1)
        parts = [part for part in tf.nest.flatten((state, metrics)) if part.dtype.is_floating]
        assert {part.dtype for part in parts} == {tf.float32}
        states = state.pool.state
        # Sums of residuals and not of bfloat16 precision themselves.
        assert np.any(tf.cast(tf.cast(states, tf.bfloat16), tf.float32) != states)

    def test_learns_what_float32_learns(self, source, engine):
        losses = {}
        for precision in ("float32", "bfloat16"):
            experiment = TINY.replace(learning_rate=3e-3)
            trainer = Trainer(experiment, source, Computing(engine, 1, precision))
            state, first = trainer.run(trainer.initial_state(), tf.constant(20))
            losses[precision] = first.loss, trainer.run(state, tf.constant(40))[1].loss
        np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.02)
        assert losses["bfloat16"][1] < 0.95 * losses["bfloat16"][0]


def test_the_model_that_is_kept_computes_in_float32(source):
    trainer = Trainer(TINY, source, Computing("dense", precision="bfloat16"))
    assert trainer.model.compute_dtype == "float32"
    assert engines.build_model(TINY, "bfloat16").compute_dtype == "bfloat16"
    assert engines.build_model(TINY, "bfloat16").variable_dtype == "float32"
