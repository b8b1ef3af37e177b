"""Measurements, each beside its floor of the same run: `python -m benchmarks`."""
