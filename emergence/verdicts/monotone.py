"""Monotone curves: isotonic regression, asked about points that it has not seen."""

import numpy as np
from scipy.optimize import isotonic_regression

from emergence._typing import AnyArray, BoolArray, FloatArray

_ROUNDS = 25  # of the backfitting; it settles in a handful


def monotone_curve(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Isotonic regression of y on x: places in order, and rising levels."""
    places, which = np.unique(x, return_inverse=True)
    count = np.bincount(which).astype(float)
    fit = isotonic_regression(np.bincount(which, y) / count, weights=count)
    return places, np.asarray(fit.x)


def reached(places: FloatArray, levels: FloatArray, level: float) -> float:
    """Place at which rising levels reach one, on a line between the two around it.

    The first place where the first level is there already; NaN where none is.
    """
    if levels[-1] < level:
        return float("nan")
    i = int(np.argmax(levels >= level))
    if i == 0:
        return float(places[0])
    share = (level - levels[i - 1]) / (levels[i] - levels[i - 1])
    return float(places[i - 1] + share * (places[i] - places[i - 1]))


def within_others(x: FloatArray, group: AnyArray) -> BoolArray:
    """Points within the range that the other groups span."""
    out = np.zeros(x.size, dtype=bool)
    for g in np.unique(group):
        mine = group == g
        if not mine.all():
            out[mine] = (x[mine] >= x[~mine].min()) & (x[mine] <= x[~mine].max())
    return out


def left_out_errors(
    x: FloatArray, y: FloatArray, group: AnyArray, ask: BoolArray, beside: FloatArray | None = None
) -> FloatArray:
    """Errors, for the points of ``ask``, of curves fitted without their group.

    With ``beside`` the curve is f(x) + b z, fitted by backfitting (Hastie & Tibshirani 1990).
    """
    z = np.zeros(x.size) if beside is None else beside
    out = np.full(x.size, np.nan)
    for g in np.unique(group[ask]):
        keep, mine = group != g, ask & (group == g)
        slope, (places, levels) = 0.0, monotone_curve(x[keep], y[keep])
        centre = z[keep] - z[keep].mean()
        for _ in range(_ROUNDS if centre.any() else 0):
            rest = y[keep] - np.interp(x[keep], places, levels)
            step = float(centre @ (rest - slope * centre)) / float(centre @ centre)
            slope += step
            places, levels = monotone_curve(x[keep], y[keep] - slope * centre)
            if abs(step) < 1e-9:
                break
        predicted = np.interp(x[mine], places, levels) + slope * (z[mine] - z[keep].mean())
        out[mine] = y[mine] - predicted
    return out[ask]
