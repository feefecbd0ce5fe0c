r"""Binomial reference fit: the psychometric curve as a generalised linear model.

.. math:: p(L) = c + (1 - c) / (1 + e^{-(a - b L)}), \qquad k \sim \text{Binomial}(m, p)

with guessing rate c, by statsmodels' iteratively reweighted least squares.  It stands beside
our own fits as a check by other hands and gives the classical dispersion; no resampling loop
calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.errors import DataError
from emergence.points import Points, as_points


@dataclass(frozen=True)
class BinomialReference:
    """Intercept a, slope b (per nat), standard errors, and Pearson dispersion.

    The standard errors are already multiplied by the root of the dispersion.
    """

    intercept: float
    slope: float
    intercept_se: float
    slope_se: float
    dispersion: float
    chance: float

    def predict(self, loss: ArrayLike) -> FloatArray:
        """Score at the losses (nats per token)."""
        z = self.intercept - self.slope * np.asarray(loss, dtype=float)
        value: FloatArray = self.chance + (1.0 - self.chance) / (1.0 + np.exp(-z))
        return value


def binomial_reference(points: Points | ArrayLike, **columns: Any) -> BinomialReference:
    """Fit the psychometric curve to counts.

    Parameters
    ----------
    points : Points or array_like
        As for :func:`fit_smooth`; other arrays (``value``, ``n_items``, ``chance``) by name.

    Returns
    -------
    BinomialReference

    Raises
    ------
    DataError
        Where the scores are not counts.

    Examples
    --------
    >>> from emergence import simulate
    >>> points = simulate(shape="logistic", noise="binomial", n_items=400, rng=0).select()
    >>> binomial_reference(points).slope > 0
    True
    """
    import statsmodels.api as sm  # 2 s to import: only when asked for
    from statsmodels.genmod.families.links import Logit

    pts = as_points(points, **columns)
    if pts.n_items is None or not pts.counted:
        raise DataError("a binomial fit needs n_items and a metric that counts items right")
    c = pts.chance

    class GuessingLogit(Logit):  # type: ignore[misc]  # statsmodels ships no types
        """logit of (p - c) / (1 - c)."""

        def __call__(self, p: FloatArray) -> FloatArray:
            q = np.clip((np.asarray(p) - c) / (1.0 - c), 1e-9, 1 - 1e-9)
            return np.log(q / (1.0 - q))

        def inverse(self, z: FloatArray) -> FloatArray:
            return c + (1.0 - c) / (1.0 + np.exp(-np.clip(z, -50, 50)))

        def deriv(self, p: FloatArray) -> FloatArray:
            q = np.clip((np.asarray(p) - c) / (1.0 - c), 1e-9, 1 - 1e-9)
            return 1.0 / ((1.0 - c) * q * (1.0 - q))

    design = np.column_stack([np.ones(pts.size), -pts.loss])
    model = sm.GLM(
        pts.value,
        design,
        family=sm.families.Binomial(link=GuessingLogit()),
        var_weights=pts.n_items,
    )
    start = np.array([np.median(pts.loss) * 4.0, 4.0])
    fit = model.fit(start_params=start, scale="X2")
    (a, b), (sa, sb) = fit.params, fit.bse
    return BinomialReference(float(a), float(b), float(sa), float(sb), float(fit.scale), c)
