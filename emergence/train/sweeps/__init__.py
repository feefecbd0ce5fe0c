"""Sweeps: many runs, several at a time."""
