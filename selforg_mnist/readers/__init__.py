"""Weights in other people's files, opened with suspicion."""
