"""Fresh runs: a corpus with tasks of graded difficulty, and the model to pre-train on it.

Needs the extra ``train``: ``pip install 'emergence-lm[train]'``.  Nothing of the analysis
imports this package, and it imports nothing of the analysis but the schema.
"""
