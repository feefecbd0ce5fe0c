"""Smooth curves: shapes without a threshold.  One file a shape."""
