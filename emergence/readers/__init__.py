"""Readers: what others measured or drew, as records."""
