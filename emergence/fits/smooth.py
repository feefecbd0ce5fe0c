"""fit_smooth: the curves without a threshold, and how well they do."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from emergence._random import Seed, Stream, as_seed
from emergence._results import Result, no_interval
from emergence._text import table
from emergence._typing import Columns, FloatArray, Noise, Runs
from emergence.curves.catalogue import SMOOTH
from emergence.curves.family import Scale
from emergence.engine.contest import Candidate, Contest, smooth_contest
from emergence.engine.eta_interval import curve_draws
from emergence.engine.grid import flat_bic
from emergence.engine.problem import Problem, make_problem
from emergence.engine.replicates import ErrorModel
from emergence.engine.runs.covariance import structured
from emergence.errors import DataError
from emergence.interval import Curve, Interval, check_level, even, interval_of
from emergence.records.as_points import as_points
from emergence.records.points import Points

if TYPE_CHECKING:
    from lmfit import Minimizer
    from lmfit.minimizer import MinimizerResult
    from matplotlib.axes import Axes


FAMILIES = ("auto", "flat", *dict.fromkeys(f.public for f in SMOOTH.values()))


@dataclass(frozen=True, eq=False, repr=False)
class SmoothFit(Result):
    """A fitted smooth curve; made by :func:`fit_smooth`.

    Attributes
    ----------
    family : str
        Family of the estimate.
    params, stderr : dict
        Parameters of its curve (:mod:`emergence.curves.smooth`), and standard errors (NaN where a
        parameter is fixed or sits at a bound).
    at_bound : tuple of str
        Parameters that ended at a bound: read them as "at least" or "at most".
    rss, bic : float
        Weighted residual sum of squares (ability scale) and criterion.
    families : dict
        BIC of every family that was tried.
    """

    points: Points = field(repr=False)
    family: str
    params: dict[str, float]
    stderr: dict[str, float]
    at_bound: tuple[str, ...]
    rss: float
    bic: float
    families: dict[str, float]
    n_boot: int
    _problem: Problem = field(repr=False)
    _contest: Contest | None = field(repr=False)
    _best: Candidate | None = field(repr=False)
    _errors: ErrorModel = field(repr=False)

    side: ClassVar[Literal["smooth"]] = "smooth"

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        others = [bic for name, bic in self.families.items() if name != self.family]
        ahead = min(others, default=np.inf) - self.bic
        rank = "ahead of the next" if ahead >= 0 else "behind the best"
        gap = f", {abs(ahead):.1f} BIC {rank}" if others else ""
        article = "an" if self.family[0] in "aeiou" else "a"
        return f"{self.points.label} follows {article} {self.family} curve{gap}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care."""
        ended = (f"{name} ended at a bound" for name in self.at_bound)
        return (*ended, *self.points.notes)

    @cached_property
    def _lmfit(self) -> tuple[Minimizer, MinimizerResult]:
        minimizer = _minimizer(self._problem, self.family, self._best)
        return minimizer, minimizer.minimize()

    def __getstate__(self) -> dict[str, object]:
        # The minimizer holds a function that cannot be pickled; it is made again when needed.
        return {k: v for k, v in self.__dict__.items() if k != "_lmfit"}

    def _curve(self, loss: FloatArray) -> FloatArray:
        return _curve_of(self.family, loss, self.params)

    def predict(
        self, loss: ArrayLike, level: float | None = None
    ) -> FloatArray | tuple[FloatArray, FloatArray, FloatArray]:
        """Fitted score at new losses, with a pointwise interval of the curve if asked.

        Parameters
        ----------
        loss : array_like
            Nats per token; of a single one the answer has no dimension either.
        level : float, optional
            Coverage; symmetric residual bootstrap, the family chosen anew each time.

        """
        shape, at = np.shape(loss), np.asarray(loss, dtype=float).ravel()
        value = self._curve(at).reshape(shape)
        if level is None:
            return value
        if self._contest is None or self._best is None:
            margin = self._margin(level)
            return value, value - margin, value + margin
        check_level(level, self.n_boot)
        x = self._problem.to_x(at)
        errors = self._errors.source(self.n_boot, Stream.SMOOTH_CURVE)
        draws = curve_draws(self._contest, self._best, errors, x)
        scale = abs(self.points.best - self.points.chance)
        half = scale * np.quantile(np.abs(draws - self._best.ability(x)), level, axis=0)
        half = half.reshape(shape)
        return value, value - half, value + half

    def _margin(self, level: float) -> float:
        """Half width of the t interval of a flat curve."""
        check_level(level)
        quantile = float(stdtrit(self.points.size - 1, 0.5 * (1 + level)))
        return quantile * self.stderr["floor"]

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Profile-likelihood interval of a parameter (F test, by lmfit).

        DataError for one that was not fitted, or sits at a bound.  Where checkpoints share runs the
        residuals are whitened by the fitted covariance.
        """
        from lmfit import conf_interval
        from lmfit.minimizer import MinimizerException

        if name not in self.params or not np.isfinite(self.stderr[name]):
            raise no_interval(name, (k for k in self.params if np.isfinite(self.stderr[k])))
        check_level(level)
        if self._best is None:
            value, margin = self.params[name], self._margin(level)
            return Interval(value - margin, value + margin, level, "t")
        try:
            with warnings.catch_warnings():
                # lmfit warns of ends it does not reach; they come back infinite, that is, open.
                warnings.simplefilter("ignore", UserWarning)
                table = conf_interval(*self._lmfit, p_names=[name], sigmas=[level])
        except MinimizerException as error:
            raise DataError(f"the profile of {name!r} has no two ends: {error}") from error
        ends = [value for _, value in table[name]]
        low, high = float(ends[0]), float(ends[-1])
        return interval_of(low, high, level, "profile-F")

    def report(self) -> str:
        """Return lmfit's own report."""
        from lmfit import fit_report

        return str(fit_report(self._lmfit[1]))

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: estimate and standard error."""
        names = list(self.params)
        return pd.DataFrame(
            {
                "parameter": names,
                "estimate": [self.params[k] for k in names],
                "stderr": [self.stderr[k] for k in names],
            }
        )

    def summary(self) -> str:
        """Report as text."""
        lines = [f"Smooth fit of {self.points.label}: {self.family}, {self.points.size} points"]
        rows = [
            (k, f"{v:.5g}", f"+- {self.stderr[k]:.2g}", "at boundary" if k in self.at_bound else "")
            for k, v in self.params.items()
        ]
        lines += table(rows, right=[1])
        lowest = min(self.families.values())
        ranked = sorted(self.families.items(), key=lambda item: item[1])
        lines.append(
            "  BIC above the best: " + ", ".join(f"{k} {v - lowest:.1f}" for k, v in ranked)
        )
        return "\n".join([*lines, *self._warned])

    def onset(self, level: float) -> None:
        """None: a smooth curve has no threshold to draw."""

    def curves(self, level: float | None) -> list[Curve]:
        """Curve with its band, as figures draw it; without a band where ``level`` is None."""
        losses = even(self.points.loss)
        if level is None:
            return [Curve(losses, self._curve(losses))]
        return [Curve(losses, *self.predict(losses, level))]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw points, fit and band."""
        from emergence.figures.fit import plot_fit  # matplotlib only when drawing

        return plot_fit(self, ax=ax)


def fit_smooth(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    family: str = "auto",
    noise: Noise = "auto",
    runs: Runs = "auto",
    n_boot: int = 999,
    rng: Seed = 0,
    **columns: Unpack[Columns],
) -> SmoothFit:
    r"""Fit a curve without a threshold.

    The families are those of :mod:`emergence.curves.smooth`:

    .. math::

        \text{flat } c,\quad \text{linear } b - aL,\quad
        \text{exponential } c + A e^{-k(L - L_0)},\quad
        \text{power } c + A (L/L_0)^{-g},\quad
        \text{logistic } c + \frac{C - c}{1 + e^{(L - m)/w}}

    A grid over the non-linear parameters finds the basin, lmfit the optimum in it.

    Parameters
    ----------
    points, value, noise, runs, **columns
        As for :func:`fit_threshold`.
    family : {"auto", "flat", "linear", "exponential", "power", "logistic", ...}
        ``auto`` takes the lowest BIC of the five that are named here; ``gompertz``, ``richards``,
        ``attempts``, ``algebraic``, ``two_logistics`` and ``logistic_slope`` on request.
    n_boot : int
        Replicates behind the interval of a prediction.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Raises
    ------
    DataError
        For arrays that cannot be fitted or a family that does not exist.

    Examples
    --------
    >>> from emergence import fit_smooth, simulate
    >>> fit = fit_smooth(simulate(shape="logistic", n=60, rng=1).select())
    >>> fit.family
    'logistic'
    """
    if family not in FAMILIES:
        raise DataError(f"family {family!r} is not known: {', '.join(FAMILIES)}")
    problem = structured(make_problem(as_points(points, value, **columns), noise, runs))
    data = problem.condensed
    contest = smooth_contest(data, family)
    candidates = contest.refined()
    bics = {"flat": flat_bic(data)}
    for c in sorted(candidates, key=lambda c: -c.bic):  # of a name with two members, the better
        bics[c.family.public] = c.bic
    name = min(bics, key=lambda k: bics[k]) if family == "auto" else family
    mine = [c for c in candidates if c.family.public == name]
    best = min(mine, key=lambda c: c.bic) if mine else None
    # A prediction lets the families compete again only if they competed for the estimate.
    kept = tuple(f for f in contest.families if family == "auto" or f.public == name)
    fit = _minimizer(problem, name, best).minimize()
    at_bound = tuple(k for k, v in fit.params.items() if v.vary and _near(v.value, v.min, v.max))
    stderr = {
        k: float(v.stderr) if v.vary and v.stderr is not None and k not in at_bound else np.nan
        for k, v in fit.params.items()
    }
    return SmoothFit(
        points=problem.points,
        family=name,
        params={k: float(v.value) for k, v in fit.params.items()},
        stderr=stderr,
        at_bound=at_bound,
        rss=float(fit.chisqr),
        bic=bics[name],
        families=bics,
        n_boot=n_boot,
        _problem=problem,
        _contest=Contest(data, kept, None, False) if best else None,
        _best=best,
        _errors=ErrorModel(data, as_seed(rng)),
    )


def _near(value: float, low: float, high: float) -> bool:
    return bool(np.isclose(value, low, rtol=1e-4) or np.isclose(value, high, rtol=1e-4))


def _curve_of(name: str, loss: FloatArray, params: dict[str, float]) -> FloatArray:
    """Scores along a curve of that name; ``flat`` has no shape, hence no file."""
    if name == "flat":
        return np.full(loss.shape, params["floor"], dtype=float)
    return next(f for f in SMOOTH.values() if f.public == name).curve(loss, **params)


def _minimizer(problem: Problem, name: str, start: Candidate | None) -> Minimizer:
    """Let lmfit carry the estimate from the best grid basin (None: flat), in natural units."""
    from lmfit import Minimizer, Parameters

    points, unit = problem.points, problem.points.best - problem.points.chance
    params = Parameters()
    if start is None:
        params.add("floor", value=float(points.value.mean()))
    else:
        family = start.family
        scale = Scale(problem.low, problem.span, points.chance + float(start.amps[0]) * unit)
        limits = family.limits(scale) if family.limits is not None else {}
        for key, value in family.natural(start.theta, float(start.amps[1]) * unit, scale).items():
            low, high = limits.get(key, (-np.inf, np.inf))
            params.add(key, value=value, min=low, max=high, vary=key not in family.fixed)

    def residual(now: Parameters) -> FloatArray:
        rest = points.value - _curve_of(name, points.loss, now.valuesdict())
        return problem.white(rest[None] / abs(unit))[0]

    return Minimizer(residual, params, scale_covar=True)
