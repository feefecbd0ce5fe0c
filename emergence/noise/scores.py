r"""Scores: how precise each one is.

Counts.  A score that is a number of items right has binomial variance; where checkpoints wander
by more than that (items share what the checkpoint happens to know), the beta-binomial one:

.. math:: \operatorname{var}(v_i) = p_i (1 - p_i) \left(\frac{1 - \rho}{m_i} + \rho\right)

with m items and intra-class correlation :math:`\rho` (Williams 1982, Appl. Stat. 31, 144).  The
shape of the variance gives the weights; a common factor, the dispersion, stays free as the
residual variance of every fit.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import chdtrc

from emergence._typing import NOISES, FloatArray, Noise
from emergence.errors import DataError
from emergence.records.points import Points

# Counts wander by more than binomial noise where a chi-square test says so at this level.
_OVERDISPERSED = 0.01
# An isotonic fit uses up about 1.5 degrees of freedom for each of its levels
# (Meyer & Woodroofe 2000, Ann. Stat. 28, 1083).
_PER_LEVEL = 1.5


@dataclass(frozen=True, eq=False)
class Precision:
    """Relative weights of the points, the noise they stand for, and why it was chosen.

    ``unit`` is the variance that each point (ability scale) has by the counts alone, so
    that dispersion = mean squared residual / unit; None where there are no counts.
    ``intraclass`` is the estimated correlation of the beta-binomial; None for other noise.
    """

    weights: FloatArray
    name: Noise
    reason: str
    unit: FloatArray | None = None
    intraclass: float | None = None


def precision(points: Points, noise: Noise = "auto") -> Precision:
    """Weights by one kind of noise, ``auto`` by what points carry; DataError for what they lack."""
    if noise not in NOISES:
        raise DataError(f"noise {noise!r} is not known: {', '.join(NOISES)}")
    if noise in ("binomial", "beta-binomial") and not (
        points.n_items is not None and points.counted
    ):
        raise DataError(
            f"noise {noise!r} needs scores that are counts: n_items, and value x n_items whole"
        )
    if points.weights is not None and noise in ("auto", "gaussian"):
        return Precision(points.weights, "gaussian", "weights were given")
    if points.n_items is None:
        return Precision(np.ones(points.size), "gaussian", "no n_items, so equal precision")
    if noise == "gaussian" or not points.counted:
        why = "noise='gaussian'" if noise == "gaussian" else "a mean over n_items"
        return Precision(points.n_items, "gaussian", f"{why}: precision grows with n_items")
    return _of_counts(points, noise)


def _of_counts(points: Points, noise: Noise) -> Precision:
    """Binomial or beta-binomial weights."""
    assert points.n_items is not None
    share, levels = _pilot(points)
    spread, items = share * (1.0 - share), points.n_items
    unit = spread / items
    square = np.square(points.value - share)
    dof = max(points.size - _PER_LEVEL * levels, 1.0)
    scale = (points.best - points.chance) ** 2
    wanders = _excess_p(square / unit, items, dof) < _OVERDISPERSED
    if noise == "binomial" or (noise == "auto" and not wanders):
        why = "noise='binomial'" if noise == "binomial" else "value x n_items is a count"
        why = f"{why}; dispersion fitted"
        return Precision(scale / (_no_certainty(spread) / items), "binomial", why, unit / scale)
    rho = _intraclass(square, share, items, dof)
    variance = _no_certainty(spread) * ((1.0 - rho) / items + rho)
    why = (
        "noise='beta-binomial'"
        if noise == "beta-binomial"
        else "counts that vary by more than binomial noise"
    )
    return Precision(scale / variance, "beta-binomial", why, unit / scale, rho)


def _no_certainty(spread: FloatArray) -> FloatArray:
    """Spreads p (1 - p) that are to give weights, none below half the mean of all."""
    # A zero by luck on the way up would else weigh as much as one on a plateau of zeros, and draw
    # the threshold to itself.  Of many items a score keeps its weight.
    floored: FloatArray = np.maximum(spread, 0.5 * spread.mean())
    return floored


def _pilot(points: Points) -> tuple[FloatArray, int]:
    """Expected share of items right from a monotone fit, inside (0, 1), and its levels."""
    # The observed share itself would give a lucky zero an infinite weight.
    assert points.n_items is not None
    order = np.argsort(points.loss, kind="stable")
    fit = isotonic_regression(
        points.value[order], weights=points.n_items[order], increasing=points.best < points.chance
    )
    share = np.empty(points.size)
    share[order] = fit.x
    # Half an item of the whole data, as in Jeffreys' estimate, keeps the share inside (0, 1).
    share = (share * points.n_items + 0.5) / (points.n_items + 1.0)
    return np.clip(share, 1e-12, 1 - 1e-12), int(np.unique(fit.x).size)


def _excess_p(ratio: FloatArray, items: FloatArray, dof: float) -> float:
    """p-value of "no more than binomial noise" from squared errors over binomial variances."""
    # As the correlation of items shows most in scores of many, these weigh most; the sum is taken
    # for a chi-square of as many degrees of freedom as have its mean and variance.
    weight = _informative(items, 0.0)
    effective = float(weight.sum() ** 2 / np.square(weight).sum()) * dof / ratio.size
    mean = float(weight.sum()) * dof / ratio.size
    return float(chdtrc(effective, float(weight @ ratio) * effective / mean))


def _informative(items: FloatArray, rho: float) -> FloatArray:
    """Weight of a squared error in an estimate of the correlation: what moves it, squared."""
    weight = np.square((1.0 - 1.0 / np.maximum(items, 2.0)) / ((1.0 - rho) / items + rho))
    return np.asarray(weight / weight.max())


def _intraclass(square: FloatArray, share: FloatArray, items: FloatArray, dof: float) -> float:
    """Correlation at which the weighted squares equal their degrees of freedom, in [0, 1)."""
    low, high = 0.0, 0.99
    for _ in range(50):
        middle = 0.5 * (low + high)
        variance = share * (1.0 - share) * ((1.0 - middle) / items + middle)
        weight = _informative(items, middle)
        over = float(weight @ (square / variance)) > float(weight.sum()) * dof / items.size
        low, high = (middle, high) if over else (low, middle)
    return low
