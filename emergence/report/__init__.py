"""Seeing the results: figures, the table of verdicts, and one page to forward."""
