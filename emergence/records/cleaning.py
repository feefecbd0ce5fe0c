"""Cleaning: checkpoints that are no measurements, left out with a word.

A row given twice counts twice, an evaluation that broke off is no score, and the loss of a batch
that went wrong is not that of the model.  None is dropped where it could be meant: rows are the
same only where equal losses always mean equal rows, and a score is judged by the one thing that
holds for every ability, that it does not fall as the loss of its run falls: kinks, jumps and
plateaus are none.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emergence._residuals import NORMAL
from emergence._typing import BoolArray, FloatArray, IntArray
from emergence.records.losses import spikes, wiggle
from emergence.records.points import COLUMNS, Points

# A score is out by so many standard errors of a difference, against so many neighbours.
_ERRORS, _NEIGHBOURS, _WINDOW = 5.0, 5, 15
_LEAST = 12


def cleaned(points: Points) -> Points:
    """Points of sound checkpoints, at losses without their errors, and notes that say so.

    ``outliers="keep"`` keeps every checkpoint, ``losses="given"`` every loss as it is.
    """
    points = _once(points)
    run = _runs(points)
    if run is not None and points.outliers == "drop":
        points = _without_spikes(points, run)
        run = _runs(points)
    if run is not None and points.losses == "auto":
        points = _on_trend(points, run)
    # What is left was judged: another look would find others beside the gaps.
    return replace(_without_broken(points), outliers="keep", losses="given")


def _runs(points: Points) -> IntArray | None:
    """Codes of runs that have several checkpoints and tokens to order them; None where none do."""
    if points.run is None or points.tokens is None or points.n_runs == points.size:
        return None
    return np.unique(points.run.astype(str), return_inverse=True)[1].astype(np.int64)


def _without_spikes(points: Points, run: IntArray) -> Points:
    """Points without losses that jump off the trend of their run and back."""
    assert points.tokens is not None
    out = spikes(points.loss, points.tokens, run)
    if not out.any() or points.size - out.sum() < 4:
        return points
    rows = zip(points.run[out], points.tokens[out], points.loss[out], strict=True)  # type: ignore[index]
    named = _few([f"{loss:.4g} of {name} at {tokens:.3g} tokens" for name, tokens, loss in rows])
    note = f"left out as spikes of the loss, off both neighbours: {named}"
    return points.where(~out).noting(f"{note} (outliers='keep' keeps them)")


def _on_trend(points: Points, run: IntArray) -> Points:
    """Points on the trend of the losses of their run, where the scores do not follow these."""
    assert points.tokens is not None
    found = wiggle(points.loss, points.value, points.tokens, run)
    if not found.is_error:
        return points
    note = (
        f"the losses wiggle by {found.sd:.2g} nats about the trend of their run, and the scores "
        f"follow that by {found.follows:.2g} +- {found.stderr:.2g} of it: an error of measurement, "
        "fitted as one (losses='given' takes them as they are)"
    )
    at = np.maximum(found.trend, 1e-3 * points.loss)
    return replace(points, loss=at, measured=points.shown_loss).noting(note)


def _without_broken(points: Points) -> Points:
    """Points without broken evaluations."""
    if points.outliers == "keep":
        return points
    if points.n_runs == points.size:
        groups = [np.arange(points.size)]
    else:
        run = np.asarray(points.run).astype(str)
        groups = [np.flatnonzero(run == name) for name in np.unique(run)]
    out = np.zeros(points.size, dtype=bool)
    for rows in groups:
        if rows.size >= _LEAST:
            out[rows] = broken(points.where(rows))
    if not out.any():
        return points
    pairs = zip(points.value[out], points.shown_loss[out], strict=True)
    named = _few([f"{value:.4g} at loss {loss:.4g}" for value, loss in pairs])
    note = f"left out as broken evaluations, five standard errors off their neighbours: {named}"
    return points.where(~out).noting(f"{note} (outliers='keep' keeps them)")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


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

    The standard error of a difference is what the precision of both says, times what the
    differences between neighbours along the loss are larger than that, by their median, over all or
    near by, the larger.  Kinks, jumps and waves with normal errors lose no score
    (benchmarks/eta.py); of errors with heavy tails the largest may go.
    """
    order = np.argsort(points.loss, kind="stable")
    y, variance, n = points.ability[order], _variance(points)[order], points.size
    step = np.abs(np.diff(y)) / np.sqrt(variance[1:] + variance[:-1])
    half = _WINDOW // 2
    padded = np.pad(step, half, mode="reflect")
    near = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    larger = NORMAL * np.maximum(np.median(step), np.append(near, near[-1]))
    if points.n_items is not None and points.counted:
        larger = np.maximum(larger, 1.0)
    around = np.pad(y, _NEIGHBOURS, constant_values=np.nan)
    spread = np.pad(variance, _NEIGHBOURS, constant_values=np.inf)
    off, beyond = np.zeros(n, dtype=bool), []
    for start, sign in ((0, 1.0), (_NEIGHBOURS + 1, -1.0)):
        windows = (
            np.lib.stride_tricks.sliding_window_view(column[start:], _NEIGHBOURS)[:n]
            for column in (around, spread)
        )
        level, unsure = _middle(*windows)
        error = larger * np.sqrt(variance + np.maximum(unsure, variance))
        off |= (error > 0) & (sign * (y - level) > _ERRORS * error)
        beyond.append(y - level)
    # Off both: a score that goes on as its neighbours do, up or down, did not break.
    off &= ~(np.nanmin(beyond, axis=0, initial=np.inf) <= 0) | ~(
        np.nanmax(beyond, axis=0, initial=-np.inf) >= 0
    )
    out = np.zeros(n, dtype=bool)
    out[order] = off
    return out


def _middle(y: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Medians of rows of scores weighed by their precision, and their variances.

    NaN where a row has fewer than three.
    """
    order, row = np.argsort(y, axis=1), np.arange(len(y))
    y = np.take_along_axis(y, order, axis=1)
    weight = 1.0 / np.take_along_axis(variance, order, axis=1)
    total = weight.sum(axis=1)
    share = np.cumsum(weight, axis=1) / np.maximum(total, 1e-300)[:, None]
    i = (share >= 0.5 - 1e-12).argmax(axis=1)
    tie = np.abs(share[row, i] - 0.5) < 1e-12
    level = 0.5 * (y[row, i] + y[row, np.minimum(i + tie, y.shape[1] - 1)])
    level = np.where(np.isfinite(y).sum(axis=1) < 3, np.nan, level)
    return level, 0.5 * np.pi / np.maximum(total, 1e-300)  # of medians of normal errors


def _variance(points: Points) -> FloatArray:
    """Variance of each ability by its precision: binomial of counts, else up to a factor."""
    if points.n_items is not None and points.counted:
        share = np.clip(points.value, 0.0, 1.0)
        # A share near the middle of all: that of a score itself would let a zero be sure.
        middle = float(np.clip(np.median(share), 0.05, 0.95))
        share = np.clip(share, 0.5 * middle, 0.5 * (1.0 + middle))
        return np.asarray(
            share * (1.0 - share) / points.n_items / (points.best - points.chance) ** 2
        )
    if points.weights is not None:
        return 1.0 / points.weights
    return np.ones(points.size) if points.n_items is None else 1.0 / points.n_items
