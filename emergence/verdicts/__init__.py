"""Verdicts: of which kind is a task, is the loss the axis, does the metric make it?"""
