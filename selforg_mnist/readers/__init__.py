"""Reads weights from other people's files, which may be damaged or crafted."""
