"""Onsets: shapes that equal chance at and above a threshold.  One file a shape."""
