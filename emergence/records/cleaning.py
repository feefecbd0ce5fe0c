"""Cleaning: checkpoints that are no measurements, left out with a word.

A row given twice counts twice, and an evaluation that broke off is no score.  Neither is dropped
where it could be meant: rows are the same only where equal losses always mean equal rows, and an
outlier is judged by the one thing that holds for every ability, that it does not fall as the loss
falls: kinks, jumps and plateaus are none.
"""

from dataclasses import replace

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.records.points import COLUMNS, Points

# A score is out by so many standard errors of a difference, against so many neighbours.
_ERRORS, _NEIGHBOURS, _WINDOW = 5.0, 5, 15
_LEAST = 12
_NORMAL = 1.4826  # standard deviation of a normal error over its median absolute value


def cleaned(points: Points) -> Points:
    """Points without rows given twice and without broken evaluations, and notes that say so.

    Scores are judged where every checkpoint is a run of its own; ``outliers="keep"`` keeps them.
    """
    points = _once(points)
    if points.outliers == "keep" or points.n_runs < points.size or points.size < _LEAST:
        return points
    out = broken(points)
    if not out.any():
        return points
    named = ", ".join(
        f"{value:.4g} at loss {loss:.4g}"
        for value, loss in zip(points.value[out][:5], points.loss[out][:5], strict=True)
    )
    more = f" and {int(out.sum()) - 5} more" if out.sum() > 5 else ""
    note = (
        f"left out as broken evaluations, five standard errors off their neighbours: {named}"
        f"{more} (outliers='keep' keeps them)"
    )
    # What is left was judged: another look would find others beside the gaps.
    return replace(points.where(~out).noting(note), outliers="keep")


def _once(points: Points) -> Points:
    """Points without rows that are the same in everything."""
    columns = [getattr(points, name) for name in COLUMNS if getattr(points, name) is not None]
    codes = np.array([np.unique(column, return_inverse=True)[1] for column in columns])
    first = np.unique(codes, axis=1, return_index=True)[1]
    again = points.size - first.size
    if not again or first.size < 4 or np.unique(points.loss).size < first.size:
        return points
    row = "row that is" if again == 1 else "rows that are"
    note = f"{again} {row} the same as another in everything counted once"
    return points.where(np.sort(first)).noting(note)


def broken(points: Points) -> BoolArray:
    """Scores that are far above those at lower losses, or far below those at higher ones.

    The standard error is that of the differences between neighbours along the loss, by their
    median, over all or near by, the larger, and never below the binomial error.  Kinks, jumps and
    waves with normal errors lose no score (benchmarks/eta.py); of errors with heavy tails the
    largest may go.
    """
    order = np.argsort(points.loss, kind="stable")
    y, n = points.ability[order], points.size
    step = np.abs(np.diff(y))
    half = _WINDOW // 2
    padded = np.pad(step, half, mode="reflect")
    near = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    error = _NORMAL * np.maximum(np.median(step), np.append(near, near[-1]))
    error = np.maximum(error, _counted(points)[order])
    out = np.zeros(n, dtype=bool)
    for i in range(n):
        lower, higher = y[max(i - _NEIGHBOURS, 0) : i], y[i + 1 : i + 1 + _NEIGHBOURS]
        above = lower.size >= 3 and y[i] > np.median(lower) + _ERRORS * error[i]
        below = higher.size >= 3 and y[i] < np.median(higher) - _ERRORS * error[i]
        out[order[i]] = error[i] > 0 and (above or below)
    return out


def _counted(points: Points) -> FloatArray:
    """Binomial error of each ability; zero where scores are no counts."""
    if points.n_items is None or not points.counted:
        return np.zeros(points.size)
    share = np.clip(points.value, 0.5 / points.n_items, 1.0 - 0.5 / points.n_items)
    error = np.sqrt(share * (1.0 - share) / points.n_items)
    return np.asarray(error / abs(points.best - points.chance))
