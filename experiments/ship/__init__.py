"""A finished run's model put among the shipped weights."""
