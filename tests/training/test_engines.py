"""The engines in training: the choices, their sums, their precision."""

import collections
import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context as eager_context

from selforg_mnist.data import digits
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.randomness import root_key
from selforg_mnist.training import engines
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.pool import Pool, source_of
from selforg_mnist.training.trainer import Trainer
from support import reference_ca

ENGINES = ["dense", "living"]
TINY = Experiment("tiny", residual_noise=0.02, batch_size=8, pool_size=16, rollout_steps=3)
# Each engine draws the firing in its own layout, so here all cells fire.
CERTAIN = TINY.replace(fire_rate=1.0, residual_noise=0.0)


@pytest.fixture(scope="module")
def source():
    drawn = digits.load_digits("drawn", "train", num_drawn=20)
    return source_of(drawn.images[:, 4:24, 4:24], drawn.labels)


@pytest.fixture(scope="module")
def trained(source):
    """A function that takes some training steps, from weights that aren't zero."""

    @functools.cache
    def trained(experiment, computing, steps=2):
        trainer = Trainer(experiment, source, computing)
        state = trainer.initial_state()
        weights = type(state.weights)(*map(tf.constant, reference_ca.random_weights()))
        return trainer.run(state._replace(weights=weights), tf.constant(steps))

    return trained


class TestChoice:
    def test_lanes_are_of_the_living_engine_only(self):
        for engine in ENGINES:
            resolved = engines.resolve(Computing(engine), 8)
            assert resolved.lanes == (engines.choose_lanes(8) if engine == "living" else 1)
            assert engines.resolve(resolved, 8) == resolved

    def test_lanes_asked_for_are_kept(self):
        assert engines.resolve(Computing("living", lanes=4), 8).lanes == 4

    def test_lanes_that_the_chosen_engine_does_not_have_are_refused(self, monkeypatch):
        monkeypatch.setattr(engines, "choose", lambda engine: "dense")  # as beside a GPU
        with pytest.raises(ConfigError, match=r"lanes=2: .*; the engine is dense"):
            engines.resolve(Computing("auto", lanes=2), 8)


@pytest.mark.slow
def test_each_lane_draws_firing_and_noise_of_its_own(source):
    """Two samples that are the same, in two lanes, come out different."""
    experiment = TINY.replace(batch_size=2, pool_mode="naive", rollout_steps=1)
    one = Pool(*source.gather([0, 0]), tf.zeros([2, 20, 20, 19]), tf.zeros([2], tf.int32))
    weights = CAWeights(*map(tf.constant, reference_ca.random_weights()))
    engine = engines.make(experiment, Computing("living", lanes=2))
    state = engine.roll_out(weights, one, root_key(0)).state.numpy()
    fired = (state != 0).any(axis=-1)
    assert 0.2 < (fired[0] != fired[1])[fired.any(axis=0)].mean() < 0.8


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


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_of_no_sum_depends_on_what_is_done_first(source, engine):
    """TensorFlow's AddN begins with the first tensor that it may overwrite.

    With three or more tensors, another order rounds differently. Whether AddN may already
    overwrite a tensor that is also read elsewhere depends on the threads.
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


@pytest.mark.parametrize("engine", ENGINES)
class TestBfloat16:
    @pytest.mark.slow
    def test_rounds_products_and_little_else(self, trained, engine):
        state, metrics = trained(CERTAIN, Computing(engine), steps=1)
        rounded, theirs = trained(CERTAIN, Computing(engine, precision="bfloat16"), steps=1)
        assert float(theirs.loss) == pytest.approx(float(metrics.loss), rel=0.01)
        # Without bfloat16 in the processor, TensorFlow also sums the gradients of biases in
        # bfloat16, over all pixels of the dense engine, and loses a quarter of them.
        every = slice(None, None, 2 if engine == "dense" else 1)  # kernels alternate with biases
        ours = metrics.gradient_norms[every]
        np.testing.assert_allclose(theirs.gradient_norms[every], ours, rtol=0.02)
        off = np.abs(rounded.pool.state - state.pool.state).max() / np.abs(state.pool.state).max()
        assert 1e-4 < off < 2e-2  # bfloat16 has eight bits
        for first, exact in zip(rounded.adam.first[every], state.adam.first[every], strict=True):
            cosine = np.vdot(first, exact) / np.linalg.norm(first) / np.linalg.norm(exact)
            assert cosine > 0.999

    def test_states_and_weights_stay_float32(self, trained, engine):
        state, metrics = trained(CERTAIN, Computing(engine, precision="bfloat16"), steps=1)
        parts = [part for part in tf.nest.flatten((state, metrics)) if part.dtype.is_floating]
        assert {part.dtype for part in parts} == {tf.float32}
        states = state.pool.state
        # States are sums of residuals, and more precise than bfloat16.
        assert np.any(tf.cast(tf.cast(states, tf.bfloat16), tf.float32) != states)

    @pytest.mark.slow
    @pytest.mark.long
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
