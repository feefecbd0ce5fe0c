"""Noise: how precise is a score, what do checkpoints of a run share, how do runs differ?"""
