"""The TPU's own compiler takes the training step, and a mistake costs one line."""

import importlib.util
import json

import pytest
from command import ROOT, refused, run

from experiments import jax_compiler

COMMAND = "experiments.compile_for_tpu"
# Of one CA step of the article's model on a core's four samples: forward, and twice that back.
CA_STEP_FLOPS = 3 * 2 * 4 * 28 * 28 * 22_320
DIGITS_BYTES = 60_000 * 28 * 28

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None or importlib.util.find_spec("libtpu") is None,
    reason="no libtpu: pip install -e '.[tpu]'",
)


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
@pytest.mark.parametrize("replicas", [1, 4])
def test_step_compiles_for_a_v5e(replicas):
    share = (f"--batch_size={4 * replicas}", f"--pool_size={4 * replicas}", "--rollout_steps=1")
    flags = ("--topology=v5e:2x2", f"--replicas={replicas}", "--json")
    status, printed, said = run(COMMAND, *share, *flags, cwd=ROOT)
    assert status == 0, said
    report = json.loads(printed)
    assert report["experiment"]["batch_size"] == 4 * replicas
    (program,) = report["programs"]
    assert (program["topology"], program["replicas"]) == ("v5e:2x2", replicas)
    # Of the gradient it leaves out what goes back into the fresh states.
    assert 0.6 * CA_STEP_FLOPS < program["flops"] < 1.5 * CA_STEP_FLOPS
    assert DIGITS_BYTES < program["argument_bytes"] < 2 * DIGITS_BYTES
    assert program["seconds"] > 0


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
    status, printed, said = run("experiments.jax_compiler", *arguments, cwd=ROOT)
    assert (status, printed) == (1, "")
    assert said.splitlines()[-1].startswith("error: rejected: ")
    assert "no_such_operation" in said


@pytest.mark.tpu
@pytest.mark.slow
@needs_libtpu
@pytest.mark.parametrize(
    ("topology", "replicas", "message"),
    [("v99:2x2", 1, "topology=v99:2x2: "), ("v5e:2x2", 5, "replicas=5: v5e:2x2 has 4 cores")],
)
def test_slice_that_is_not_there_is_refused(topology, replicas, message):
    with pytest.raises(jax_compiler.UserError, match=message):
        jax_compiler.compile_for_tpu("", topology, replicas)


def test_replicas_that_cannot_share_the_batch_are_refused(tmp_path):
    flags = ("--replicas=3", "--rollout_steps=1")
    said = refused(COMMAND, *flags, cwd=tmp_path, tensorflow=True)
    assert "replicas=3: can't share batch_size=16" in said
    assert "expected numbers" in refused(COMMAND, "--replicas=one", cwd=tmp_path)
