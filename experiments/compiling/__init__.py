"""The training step as StableHLO text: made, compiled, run on JAX's devices."""
