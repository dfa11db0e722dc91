"""Learning that looks back a few CA steps only, and learning without backpropagation at all."""
