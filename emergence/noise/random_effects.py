r"""Random effects: estimates of the same thing, each with an error, that differ by more than that.

.. math:: \hat\theta \sim N(Z \beta,\ \tau^2 I + \Sigma)

with :math:`\Sigma` known.  :math:`\tau` by restricted maximum likelihood (Harville 1977), its
interval by inverting Cochran's Q (Viechtbauer 2007, Stat. Med. 26, 37), single effects by best
linear prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtri, stdtrit

from emergence._typing import FloatArray


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """Fixed effects with their covariance, spread, and the prediction of each effect."""

    estimate: FloatArray
    sigma: FloatArray
    design: FloatArray
    beta: FloatArray
    covariance: FloatArray
    tau: float
    predicted: FloatArray
    predicted_se: FloatArray

    @property
    def dof(self) -> int:
        """Effects less fixed effects."""
        return self.estimate.size - self.beta.size

    def margin(self, level: float, which: int = 0) -> float:
        """Half width of the t interval of a fixed effect."""
        quantile = float(stdtrit(self.dof, 0.5 * (1.0 + level)))
        return quantile * float(np.sqrt(self.covariance[which, which]))

    def without(self, i: int) -> RandomEffects:
        """Fit of all effects but one."""
        rest = np.delete(np.arange(self.estimate.size), i)
        return fit_random_effects(
            self.estimate[rest], self.sigma[np.ix_(rest, rest)], self.design[rest]
        )

    def tau_interval(self, level: float) -> tuple[float, float]:
        """Interval of the spread: where Cochran's Q is an ordinary chi-square draw."""
        top = 100.0 * float(np.sqrt(np.diag(self.sigma).max() + np.var(self.estimate))) + 1e-300

        def excess(tau: float, point: float) -> float:
            return _q(self.estimate, self.sigma, self.design, tau) - point

        ends = []
        for tail in (0.5 * (1.0 - level), 0.5 * (1.0 + level)):
            point = float(chdtri(self.dof, tail))
            if excess(0.0, point) <= 0:
                ends.append(0.0)
                continue
            while excess(top, point) > 0:  # few runs and a high level reach far
                top *= 10.0
            ends.append(float(brentq(excess, 0.0, top, args=(point,))))
        return ends[0], ends[1]


def fit_random_effects(
    estimate: FloatArray, sigma: FloatArray, design: FloatArray
) -> RandomEffects:
    """Fit by restricted maximum likelihood.

    ``estimate`` (k,) with the covariance ``sigma`` (k, k) of their errors; ``design`` (k, p) are
    fixed effects, a column of ones for the mean alone.
    """
    width = float(np.sqrt(np.var(estimate) + np.diag(sigma).mean()))

    def deviance(tau: float) -> float:
        v = sigma + tau**2 * np.eye(estimate.size)
        inner = design.T @ np.linalg.solve(v, design)
        return float(
            np.linalg.slogdet(v)[1] + np.linalg.slogdet(inner)[1] + _q(estimate, sigma, design, tau)
        )

    # Several spreads may be locally best: a grid says which basin, then a bounded search.
    grid = np.append(0.0, width * np.geomspace(0.02, 5.0, 40))
    values = np.array([deviance(t) for t in grid])
    i = int(values.argmin())
    tau = float(grid[i])
    if i > 0:
        around = (float(grid[i - 1]), float(grid[min(i + 1, grid.size - 1)]))
        tau = float(minimize_scalar(deviance, bounds=around, method="bounded").x)
    v = sigma + tau**2 * np.eye(estimate.size)
    covariance = np.linalg.inv(design.T @ np.linalg.solve(v, design))
    beta = covariance @ design.T @ np.linalg.solve(v, estimate)
    # What a single estimate says is trusted by tau^2 / (tau^2 + its own variance).
    # Best linear prediction, and its error with that of the mean included.
    weight = tau**2 * np.linalg.inv(v)
    rest = np.eye(estimate.size) - weight
    predicted = design @ beta + weight @ (estimate - design @ beta)
    error = rest * tau**2 + rest @ design @ covariance @ design.T @ rest.T
    return RandomEffects(
        estimate=estimate,
        sigma=sigma,
        design=design,
        beta=beta,
        covariance=covariance,
        tau=tau,
        predicted=predicted,
        predicted_se=np.sqrt(np.maximum(np.diag(error), 0.0)),
    )


def _q(estimate: FloatArray, sigma: FloatArray, design: FloatArray, tau: float) -> float:
    """Weighted squares about the fixed effects."""
    v = sigma + tau**2 * np.eye(estimate.size)
    solved = np.linalg.solve(v, np.column_stack([design, estimate]))
    beta = np.linalg.solve(design.T @ solved[:, :-1], design.T @ solved[:, -1])
    rest = estimate - design @ beta
    return float(rest @ np.linalg.solve(v, rest))
