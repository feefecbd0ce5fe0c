"""Runs: what checkpoints of one run share, and whether each run has a curve of its own."""
