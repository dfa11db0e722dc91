"""Digits to train and to test on, and pictures of digits that people give."""
