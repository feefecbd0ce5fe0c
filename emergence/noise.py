r"""Noise: how precise each score is, and how the errors of one run hang together.

Counts.  A score that is a number of items right has binomial variance p (1 - p) / n_items
times a dispersion phi (McCullagh & Nelder 1989, section 4.5).  The shape of that variance
gives the weights; phi is left free, as the residual variance of every fit.

Runs.  Checkpoints of one run share an offset and follow each other:

.. math:: e_{rt} = o_r + a_{rt}, \quad a_{rt} = \rho\, a_{r,t-1} + \epsilon_{rt}

with Gaussian :math:`o_r` and :math:`\epsilon_{rt}`, estimated by maximum likelihood from the
residuals of a fit and simulated for every bootstrap replicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from emergence._typing import FloatArray, IntArray
from emergence.points import Points

# Grids of the likelihood over (rho, ratio of offset to innovation variance).
_RHO = np.append(0.0, np.linspace(0.05, 0.98, 24))
_RATIO = np.append(0.0, np.geomspace(1e-3, 1e2, 24))


@dataclass(frozen=True, eq=False)
class Precision:
    """Relative weights of the points, the noise they stand for, and why it was chosen.

    ``unit`` is the variance that each point (ability scale) has by the counts alone, so
    that dispersion = mean squared residual / unit; None where there are no counts.
    """

    weights: FloatArray
    name: str
    reason: str
    unit: FloatArray | None = None


def precision(points: Points) -> Precision:
    """Choose the weights from what the points carry."""
    ones = np.ones(points.size)
    if points.weights is not None:
        return Precision(points.weights, "gaussian", "weights were given")
    if points.n_items is None:
        return Precision(ones, "gaussian", "no n_items, so equal precision")
    if not points.counted:
        return Precision(
            points.n_items, "gaussian", "a mean over n_items: precision grows with their number"
        )
    scale = (points.best - points.chance) ** 2
    unit = _binomial_variance(points) / scale
    return Precision(1.0 / unit, "binomial", "value x n_items is a count; dispersion fitted", unit)


def _binomial_variance(points: Points) -> FloatArray:
    """P (1 - p) / n_items with p from a monotone pilot fit, away from 0 and 1.

    The observed share itself would give a lucky zero an infinite weight.
    """
    assert points.n_items is not None
    order = np.argsort(points.loss, kind="stable")
    fit = isotonic_regression(
        points.value[order], weights=points.n_items[order], increasing=points.best < points.chance
    )
    p = np.empty(points.size)
    p[order] = fit.x
    # Half an item of the whole data, as in Jeffreys' estimate, keeps p inside (0, 1).
    p = (p * points.n_items + 0.5) / (points.n_items + 1.0)
    p = np.clip(p, 1e-12, 1 - 1e-12)
    variance: FloatArray = p * (1.0 - p) / points.n_items
    return variance


@dataclass(frozen=True)
class RunNoise:
    """Random offset per run plus first-order autoregression in the order of tokens.

    ``offset_var`` and ``innovation_var`` are variances, ``rho`` the autocorrelation.
    """

    offset_var: float
    innovation_var: float
    rho: float

    def simulate(
        self, run: IntArray, rank: IntArray, size: int, rng: np.random.Generator
    ) -> FloatArray:
        """Draw ``size`` columns of errors, shape (n, size)."""
        out = np.empty((run.size, size))
        for r in range(int(run.max()) + 1):
            rows = np.flatnonzero(run == r)
            rows = rows[np.argsort(rank[rows])]
            z = rng.standard_normal((rows.size, size)) * np.sqrt(self.innovation_var)
            z[0] /= np.sqrt(1.0 - self.rho**2)
            for t in range(1, rows.size):
                z[t] += self.rho * z[t - 1]
            z += rng.standard_normal(size) * np.sqrt(self.offset_var)
            out[rows] = z
        return out


def fit_run_noise(residual: FloatArray, run: IntArray, rank: IntArray, n_fitted: int) -> RunNoise:
    """Maximum likelihood over a grid of (rho, offset ratio), innovation variance profiled.

    ``n_fitted`` parameters of the curve are taken off the degrees of freedom.
    """
    order = np.lexsort((rank, run))
    e, r = residual[order], run[order]
    first = np.append(True, r[1:] != r[:-1])
    lag = np.where(first, 0.0, np.append(0.0, e[:-1]))
    n_runs, dof = int(first.sum()), max(residual.size - n_fitted, 1)
    rho = _RHO[:, None]
    head = np.sqrt(1.0 - rho**2)
    white = np.where(first, head * e, e - rho * lag)  # (rho, n)
    ones = np.where(first, head, 1.0 - rho)
    start = np.flatnonzero(first)
    uu, au, aa = (np.add.reduceat(v, start, axis=1) for v in (white**2, ones * white, ones**2))
    ratio = _RATIO[:, None, None]  # (ratio, rho, runs)
    quad = (uu - ratio * au**2 / (1.0 + ratio * aa)).sum(axis=2)
    logdet = np.log1p(ratio * aa).sum(axis=2) - n_runs * np.log(1.0 - _RHO**2)
    deviance = dof * np.log(np.maximum(quad, 1e-300)) + logdet
    i, j = np.unravel_index(int(deviance.argmin()), deviance.shape)
    sigma2 = float(quad[i, j]) / dof
    return RunNoise(float(_RATIO[i]) * sigma2, sigma2, float(_RHO[j]))
