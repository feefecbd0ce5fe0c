r"""Reference: errors of scores and runs by other hands, statsmodels, beside our own.

The slope of residuals with errors clustered by run is that of generalised estimating equations
(Liang & Zeger 1986, Biometrika 73, 13).  The psychometric curve

.. math:: p(L) = c + (1 - c) / (1 + e^{-(a - b L)}), \qquad k \sim \text{Binomial}(m, p)

is a generalised linear model with guessing rate c; it gives the classical dispersion.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from emergence._residuals import exact
from emergence._typing import FloatArray
from emergence.records.points import Points

_LEAST_CLUSTERS = 5  # fewer make the errors by clusters too small


@dataclass(frozen=True)
class BinomialReference:
    """Psychometric curve of counts by statsmodels: intercept, slope (per nat), errors, dispersion.

    The standard errors are clustered by run where checkpoints share runs, else multiplied by the
    root of the Pearson dispersion.
    """

    intercept: float
    slope: float
    intercept_se: float
    slope_se: float
    dispersion: float
    clustered: bool
    chance: float

    def predict(self, loss: ArrayLike) -> FloatArray:
        """Score at the losses (nats per token)."""
        z = self.intercept - self.slope * np.asarray(loss, dtype=float)
        value: FloatArray = self.chance + (1.0 - self.chance) * expit(z)
        return value


def clustered_slope(points: Points, x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of y on x and its p-value, errors clustered by run; NaN where either are few."""
    if not _LEAST_CLUSTERS <= points.n_runs < points.size or exact(y, points.value):
        return float("nan"), float("nan")
    import statsmodels.api as sm  # 2 s to import: only when asked for

    model = sm.GEE(y, np.column_stack([np.ones(x.size), x]), groups=points.run.astype(str))  # type: ignore[union-attr]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of residuals that are nearly a line
        fit = model.fit(cov_type="bias_reduced")  # for few clusters (Mancl & DeRouen 2001)
    return float(fit.params[1]), float(fit.pvalues[1])


def binomial_reference(points: Points) -> BinomialReference | None:
    """Fit the psychometric curve to counts; None where scores are none, or it has no optimum."""
    if points.n_items is None or not points.counted or points.best < points.chance:
        return None
    import statsmodels.api as sm  # 2 s to import: only when asked for
    from statsmodels.genmod.families.links import Logit

    c = points.chance

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

    model = sm.GLM(
        points.value,
        np.column_stack([np.ones(points.size), -points.loss]),
        family=sm.families.Binomial(link=GuessingLogit()),
        var_weights=points.n_items,
    )
    how: dict[str, Any] = {"scale": "X2"}
    if clustered := 1 < points.n_runs < points.size:
        how |= {"cov_type": "cluster"}
        how |= {"cov_kwds": {"groups": np.unique(points.run.astype(str), return_inverse=True)[1]}}  # type: ignore[union-attr]
    start = np.array([np.median(points.loss) * 4.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that does not converge, which then is none
        try:
            fit = model.fit(start_params=start, **how)
        except np.linalg.LinAlgError:  # a share of 0 or 1 at nearly every loss
            return None
    if not (fit.converged and np.isfinite([*fit.params, *fit.bse]).all()):
        return None
    (a, b), (sa, sb) = fit.params, fit.bse
    return BinomialReference(
        intercept=float(a),
        slope=float(b),
        intercept_se=float(sa),
        slope_se=float(sb),
        dispersion=float(fit.scale),
        clustered=clustered,
        chance=c,
    )
