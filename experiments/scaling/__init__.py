"""What the time of a training step grows with, and how training is timed."""
