"""What the time of a training step depends on, and how training is timed."""
