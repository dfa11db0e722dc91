"""Studies, run from a checkout as `python -m experiments.NAME`.

A study has a folder, or a single file where one is enough.
"""
