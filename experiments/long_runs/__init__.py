"""Cells that run for ten thousand steps: does their agreement last, do their states stay small?"""
