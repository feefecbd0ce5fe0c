"""Corpus: the documents that our models are trained on, and the tasks that score them."""
