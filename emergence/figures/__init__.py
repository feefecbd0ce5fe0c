"""Figures: arrays in, Axes out; results come with a ``plot`` that calls them."""
