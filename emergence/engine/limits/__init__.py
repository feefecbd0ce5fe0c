"""Limits: tests of a property that every curve has, on the pool of all curves."""
