"""The TPU's own compiler takes the training step, and a mistake costs one line."""

import functools
import importlib.util
import json
import re

import numpy as np
import pytest

from experiments.compiling import jax_compiler, lowering
from selforg_mnist.evaluation import metrics
from selforg_mnist.experiment import Experiment
from selforg_mnist.training.computing import PRECISIONS, Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer
from support.command import ROOT, refused, run

COMMAND = "experiments.compile_for_tpu"
# Operations of one CA step of the article's model per computed cell: forward, and twice as many
# backward.
CELL_FLOPS = 3 * 2 * 22_320
DENSE_CELLS = 4 * 28 * 28  # of a core's four samples
DIGITS = 60_000  # to train on

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None or importlib.util.find_spec("libtpu") is None,
    reason="no libtpu: pip install -e '.[tpu]'",
)


def compiled(replicas, *how):
    """The compiler's estimates for the step, by precision."""
    share = (f"--batch_size={4 * replicas}", f"--pool_size={4 * replicas}", "--rollout_steps=1")
    flags = ("--topology=v5e:2x2", f"--replicas={replicas}", "--json")
    status, printed, said = run(COMMAND, *share, *flags, *how, cwd=ROOT)
    assert status == 0, said
    report = json.loads(printed)
    assert report["experiment"]["batch_size"] == 4 * replicas
    for program in report["programs"]:
        assert (program["topology"], program["replicas"]) == ("v5e:2x2", replicas)
        # It leaves out the part of the gradient that goes back to the fresh states.
        all_flops = CELL_FLOPS * DENSE_CELLS
        assert 0.6 * all_flops < program["flops"] < 1.5 * all_flops
        assert 784 * DIGITS < program["argument_bytes"] < 2 * 784 * DIGITS
        assert program["seconds"] > 0
    return {program["precision"]: program for program in report["programs"]}


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
@pytest.mark.long
def test_each_precision_compiles_for_a_v5e():
    programs = compiled(1, "--precision=float32,bfloat16")
    assert programs.keys() == {"float32", "bfloat16"}
    for program in programs.values():  # no copy of the digits
        assert program["temporary_bytes"] < 784 * DIGITS
    assert programs["bfloat16"]["bytes_accessed"] < programs["float32"]["bytes_accessed"]


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
@pytest.mark.long
def test_it_compiles_for_four_cores_of_a_v5e():
    assert compiled(4).keys() == {"float32"}


@functools.cache
def lowered(replicas, precision="float32", engine="dense"):
    """The text of a step of one CA step, four samples a replica."""
    size = 4 * replicas
    tiny = Experiment("tiny", batch_size=size, pool_size=size, rollout_steps=1)
    source = source_of(np.zeros([20, 28, 28], np.uint8), np.zeros(20))
    computing = Computing(engine, precision=precision)
    return lowering.stablehlo(Trainer(tiny, source, computing, replicas))


@pytest.mark.slow
def test_replicas_sum_what_they_share():
    # Six gradients, the loss, the counts, and the ages.
    summed = 6 + 1 + len(metrics.Counts._fields) + 1
    assert lowered(2).count("stablehlo.all_reduce") == summed
    assert "stablehlo.all_reduce" not in lowered(1)


@pytest.mark.slow
def test_precision_is_that_of_the_products():
    products = {
        precision: re.findall(
            r"stablehlo\.(?:convolution|dot_general).* -> tensor<[\dx]+x(\w+)>",
            lowered(1, precision),
        )
        for precision in PRECISIONS
    }
    assert set(products["float32"]) == {"f32"}
    assert products["bfloat16"].count("bf16") > len(products["bfloat16"]) / 2


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
@pytest.mark.long
def test_what_the_compiler_rejects_ends_in_one_line(tmp_path):
    # No TPU has a custom call with that name.
    text = """func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
      %0 = stablehlo.custom_call @no_such_operation(%arg0) : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }"""
    (tmp_path / "step.mlir").write_text(text)
    arguments = (str(tmp_path / "step.mlir"), "v5e:2x2", "1")
    status, printed, said = run("experiments.compiling.jax_compiler", *arguments, cwd=ROOT)
    assert (status, printed) == (1, "")
    assert said.splitlines()[-1].startswith("error: rejected: ")
    assert "no_such_operation" in said


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
@pytest.mark.parametrize(
    ("topology", "replicas", "message"),
    [
        ("v99:2x2", 1, "topology=v99:2x2: "),
        ("v5e:2x2", 5, "replicas=5: expected 1 to 4, the cores of v5e:2x2"),
    ],
)
def test_slice_that_is_not_there_is_refused(topology, replicas, message):
    with pytest.raises(jax_compiler.UserError, match=message):
        jax_compiler.compile_for_tpu("", topology, replicas)


@pytest.mark.slow
def test_replicas_that_cannot_share_the_batch_are_refused(tmp_path):
    flags = ("--replicas=3", "--rollout_steps=1")
    said = refused(COMMAND, *flags, cwd=tmp_path, tensorflow=True)
    assert "batch_size=16: expected a multiple of 12 for 3 replicas" in said


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--replicas=one", "replicas=one: expected numbers"),
        ("--replicas=1,0", "replicas=1,0: expected numbers of cores, 1 or more"),
        ("--precision=float32,float8", "precision=float8: expected one of"),
    ],
)
def test_mistake_shows_before_anything_is_lowered(flag, message, tmp_path):
    assert message in refused(COMMAND, flag, cwd=tmp_path)
