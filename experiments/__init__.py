"""Studies, each in a folder or a file, run from a checkout as `python -m experiments.NAME`."""
