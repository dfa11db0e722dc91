"""Adds a finished run's model to the shipped weights."""
