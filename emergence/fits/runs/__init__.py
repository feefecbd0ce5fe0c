"""Fits where runs have thresholds of their own."""
