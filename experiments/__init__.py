"""Studies run from a checkout, a folder or a file each: `python -m experiments.NAME`."""
