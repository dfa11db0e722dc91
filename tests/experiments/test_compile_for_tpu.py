"""The TPU's own compiler takes the training step, and a mistake costs one line."""

import importlib.util
import json
import re

import numpy as np
import pytest

from experiments.compiling import jax_compiler, lowering
from selforg_mnist.cells.padded_cells import capacity_for
from selforg_mnist.data.digits import load_digits
from selforg_mnist.evaluation import metrics
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.training.computing import PRECISIONS, Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer
from support.command import ROOT, refused, run

COMMAND = "experiments.compile_for_tpu"
# Of one CA step of the article's model for each cell that does the arithmetic: forward, and twice
# that back.
CELL_FLOPS = 3 * 2 * 22_320
DENSE_CELLS = 4 * 28 * 28  # of a core's four samples

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None or importlib.util.find_spec("libtpu") is None,
    reason="no libtpu: pip install -e '.[tpu]'",
)


def compiled(replicas, capacity, digits, *how):
    """What the compiler says of both engines' steps, by engine and precision."""
    share = (f"--batch_size={4 * replicas}", f"--pool_size={4 * replicas}", "--rollout_steps=1")
    flags = ("--topology=v5e:2x2", f"--replicas={replicas}", "--engine=dense,padded", "--json")
    status, printed, said = run(COMMAND, *share, *flags, *how, cwd=ROOT)
    assert status == 0, said
    report = json.loads(printed)
    assert report["experiment"]["batch_size"] == 4 * replicas
    for program in report["programs"]:
        assert (program["topology"], program["replicas"]) == ("v5e:2x2", replicas)
        padded = program["engine"] == "padded"
        assert program["capacity"] == (capacity if padded else 0)
        # Of the gradient it leaves out what goes back into the fresh states.
        all_flops = CELL_FLOPS * (capacity if padded else DENSE_CELLS)
        assert 0.6 * all_flops < program["flops"] < 1.5 * all_flops
        assert 784 * digits < program["argument_bytes"] < 2 * 784 * digits
        assert program["seconds"] > 0
    return {(program["engine"], program["precision"]): program for program in report["programs"]}


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
def test_each_engine_and_precision_compiles_for_a_v5e():
    how = ("--precision=float32,bfloat16", "--capacity=1024")
    programs = compiled(1, 1024, 60_000, *how)
    assert len(programs) == 4
    for program in programs.values():  # no copy of the digits to gather from
        assert program["temporary_bytes"] < 784 * 60_000
    for engine in ("dense", "padded"):
        moved = [programs[engine, name]["bytes_accessed"] for name in ("float32", "bfloat16")]
        assert moved[1] < moved[0]


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
def test_each_engine_compiles_for_four_cores_of_a_v5e():
    images = load_digits("drawn", "train").images
    programs = compiled(4, capacity_for(images, 4), len(images), "--dataset=drawn")
    assert programs.keys() == {("dense", "float32"), ("padded", "float32")}


def lowered(engine, replicas, precision="float32"):
    """The text of a step of one CA step, four samples a replica."""
    size = 4 * replicas
    tiny = Experiment("tiny", batch_size=size, pool_size=size, rollout_steps=1)
    source = source_of(np.zeros([20, 28, 28], np.uint8), np.zeros(20))
    capacity = 128 if engine == "padded" else 0
    computing = Computing(engine, precision=precision, capacity=capacity)
    return lowering.stablehlo(Trainer(tiny, source, computing, replicas))


@pytest.mark.parametrize("engine", lowering.ENGINES)
def test_replicas_sum_what_they_share(engine):
    # Six gradients, the loss, what is counted, ages and overflow.
    summed = 6 + 1 + len(metrics.Counts._fields) + 2
    assert lowered(engine, 2).count("stablehlo.all_reduce") == summed
    assert "stablehlo.all_reduce" not in lowered(engine, 1)


@pytest.mark.parametrize("engine", lowering.ENGINES)
def test_precision_is_that_of_the_products(engine):
    products = {
        precision: re.findall(
            r"stablehlo\.(?:convolution|dot_general).* -> tensor<[\dx]+x(\w+)>",
            lowered(engine, 1, precision),
        )
        for precision in PRECISIONS
    }
    assert set(products["float32"]) == {"f32"}
    assert products["bfloat16"].count("bf16") > len(products["bfloat16"]) / 2


def test_shapes_that_depend_on_the_data_are_refused():
    with pytest.raises(ConfigError, match="engine=living: its shapes depend on the data"):
        lowered("living", 1)


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
def test_what_the_compiler_rejects_ends_in_one_line(tmp_path):
    # No TPU has a custom call of that name.
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


def test_replicas_that_cannot_share_the_batch_are_refused(tmp_path):
    flags = ("--replicas=3", "--rollout_steps=1")
    said = refused(COMMAND, *flags, cwd=tmp_path, tensorflow=True)
    assert "batch_size=16: expected a multiple of 12 for 3 replicas" in said


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--replicas=one", "replicas=one: expected numbers"),
        ("--replicas=1,0", "replicas=1,0: expected numbers of cores, 1 or more"),
        ("--engine=sparse", "engine=sparse: expected one of"),
        ("--precision=float32,float8", "precision=float8: expected one of"),
        ("--capacity=128", "capacity=128: expected 0, or more with --engine=padded"),
    ],
)
def test_mistake_shows_before_anything_is_lowered(flag, message, tmp_path):
    assert message in refused(COMMAND, flag, cwd=tmp_path)
