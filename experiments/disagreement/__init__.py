"""Digits whose cells don't agree: how many, why, which ones."""
