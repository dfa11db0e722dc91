"""Cells that run for ten thousand steps: does their agreement last, and do their states?"""
