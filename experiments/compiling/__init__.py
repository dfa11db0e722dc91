"""The training step as StableHLO text: how it is made, compiled, and run on JAX's devices."""
