"""Cells that lie: a second rule among the cells of a trained one."""
