"""SmoothFit: what a fitted smooth curve knows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence import curves
from emergence._typing import FloatArray
from emergence.contest import Candidate, Contest
from emergence.errors import DataError
from emergence.intervals import Interval, curve_draws
from emergence.points import Points
from emergence.resample import ErrorModel
from emergence.results import jsonable

if TYPE_CHECKING:
    from lmfit import Minimizer
    from lmfit.minimizer import MinimizerResult
    from matplotlib.axes import Axes

_PREDICT = 21


def _flat(loss: ArrayLike, floor: float) -> FloatArray:
    return np.full(np.shape(loss), floor, dtype=float)


CURVES: dict[str, Callable[..., FloatArray]] = {
    "flat": _flat,
    "linear": curves.linear,
    "exponential": curves.exponential,
    "power": curves.power_law,
    "logistic": curves.logistic,
}


@dataclass(frozen=True, eq=False)
class SmoothFit:
    """A fitted smooth curve; made by :func:`fit_smooth`.

    Attributes
    ----------
    family : str
        Family of the estimate.
    params, stderr : dict
        Parameters of the curve of that name in :mod:`emergence.curves`, and standard errors
        (NaN where a parameter is fixed or sits at a bound).
    at_bound : tuple of str
        Parameters that ended at a bound: read them as "at least" or "at most".
    rss, bic : float
        Weighted residual sum of squares (ability scale) and criterion.
    families : dict
        BIC of every family that was tried.
    warnings : tuple of str
    """

    points: Points = field(repr=False)
    family: str
    params: dict[str, float]
    stderr: dict[str, float]
    at_bound: tuple[str, ...]
    rss: float
    bic: float
    families: dict[str, float]
    warnings: tuple[str, ...]
    n_boot: int
    _minimizer: Minimizer = field(repr=False)
    _result: MinimizerResult = field(repr=False)
    _contest: Contest | None = field(repr=False)
    _best: Candidate | None = field(repr=False)
    _errors: ErrorModel = field(repr=False)

    def predict(
        self, loss: ArrayLike, level: float | None = None
    ) -> FloatArray | tuple[FloatArray, FloatArray, FloatArray]:
        """Fitted score at new losses, with a pointwise interval of the curve if asked.

        Parameters
        ----------
        loss : array_like
            Nats per token.
        level : float, optional
            Coverage; symmetric residual bootstrap, the family chosen anew each time.

        Returns
        -------
        ndarray, or three of them (score, low, high) with ``level``
        """
        at = np.atleast_1d(np.asarray(loss, dtype=float))
        value = CURVES[self.family](at, **self.params)
        if level is None:
            return value
        if self._contest is None or self._best is None:
            margin = _flat_half_width(self, level)
            return value, value - margin, value + margin
        p = self._contest.problem
        x = p.to_x(at)
        draws = curve_draws(
            self._contest, self._best, self._errors.source(self.n_boot, _PREDICT), x
        )
        scale = abs(p.points.best - p.points.chance)
        half = scale * np.quantile(np.abs(draws - self._best.ability(x)), level, axis=0)
        return value, value - half, value + half

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Profile-likelihood interval of a parameter (F test, by lmfit).

        Parameters
        ----------
        name : str
            One of ``params``.
        level : float
            Nominal coverage.

        Returns
        -------
        Interval

        Raises
        ------
        DataError
            For a parameter that was not fitted, or sits at a bound.

        Notes
        -----
        Where checkpoints share runs the residuals are whitened by the fitted covariance.
        """
        from lmfit import conf_interval
        from lmfit.minimizer import MinimizerException

        if name not in self.params or not np.isfinite(self.stderr[name]):
            free = [k for k in self.params if np.isfinite(self.stderr[k])]
            raise DataError(f"no interval for {name!r}; there is one for: {', '.join(free)}")
        try:
            with warnings.catch_warnings():
                # lmfit warns of ends it does not reach; they come back infinite, that is, open.
                warnings.simplefilter("ignore", UserWarning)
                table = conf_interval(self._minimizer, self._result, p_names=[name], sigmas=[level])
        except MinimizerException as error:
            raise DataError(f"the profile of {name!r} has no two ends: {error}") from error
        ends = [value for _, value in table[name]]
        low, high = ends[0], ends[-1]
        return Interval(
            float(low), float(high), level, "profile-F", not np.isfinite(low), not np.isfinite(high)
        )

    def report(self) -> str:
        """Return lmfit's own report."""
        from lmfit import fit_report

        return str(fit_report(self._result))

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: estimate and standard error."""
        return pd.DataFrame(
            {
                "parameter": list(self.params),
                "estimate": list(self.params.values()),
                "stderr": [self.stderr[k] for k in self.params],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        out: dict[str, Any] = jsonable(self)
        return out

    def summary(self) -> str:
        """Report as text."""
        lines = [f"Smooth fit of {self.points.label}: {self.family}, {self.points.size} points"]
        for k, v in self.params.items():
            edge = "  (at boundary)" if k in self.at_bound else ""
            lines.append(f"  {k:<10}{v:>12.5g} +- {self.stderr[k]:.2g}{edge}")
        lowest = min(self.families.values())
        ranked = sorted(self.families.items(), key=lambda item: item[1])
        lines.append(
            "  BIC above the best: " + ", ".join(f"{k} {v - lowest:.1f}" for k, v in ranked)
        )
        return "\n".join(lines + [f"  warning: {w}" for w in self.warnings])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw points, fit and band."""
        from emergence.report.figures import plot_fit  # matplotlib only when drawing

        return plot_fit(self, ax=ax)


def _flat_half_width(fit: SmoothFit, level: float) -> float:
    """Half width of the interval of a constant: t quantile times its standard error."""
    from scipy.stats import t

    return float(t.ppf(0.5 * (1 + level), fit.points.size - 1) * fit.stderr["floor"])
