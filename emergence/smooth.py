"""fit_smooth: the curves without a threshold, and how well they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence import curves
from emergence._typing import FloatArray
from emergence.contest import Candidate, Contest, smooth_contest
from emergence.errors import DataError
from emergence.intervals import Interval, curve_draws
from emergence.points import Points, as_points
from emergence.problem import Problem, make_problem
from emergence.resample import ErrorModel, Seed, as_seed, error_model
from emergence.results import jsonable

if TYPE_CHECKING:
    from lmfit.model import ModelResult
    from matplotlib.axes import Axes

FAMILIES = ("auto", "flat", "linear", "exponential", "power", "logistic")
# Names of the competing families on the canonical axis, by the public name.
_MEMBERS = {
    "linear": ("linear",),
    "exponential": ("exponential",),
    "power": ("power_law",),
    "logistic": ("logistic", "logistic_free"),
}
_PUBLIC = {member: name for name, members in _MEMBERS.items() for member in members}
_PREDICT = 21


def _flat(loss: ArrayLike, floor: float) -> FloatArray:
    return np.full(np.shape(loss), floor, dtype=float)


_CURVES: dict[str, Callable[..., FloatArray]] = {
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
    _result: ModelResult = field(repr=False)
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
        value = _CURVES[self.family](at, **self.params)
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
        The F test takes the checkpoints as independent; with runs a warning says so.
        """
        from lmfit import conf_interval
        from lmfit.minimizer import MinimizerException

        if name not in self.params or not np.isfinite(self.stderr[name]):
            free = [k for k in self.params if np.isfinite(self.stderr[k])]
            raise DataError(f"no interval for {name!r}; there is one for: {', '.join(free)}")
        try:
            table = conf_interval(self._result, self._result, p_names=[name], sigmas=[level])
        except MinimizerException as error:
            raise DataError(f"the profile of {name!r} has no two ends: {error}") from error
        ends = [value for _, value in table[name]]
        low, high = ends[0], ends[-1]
        return Interval(
            float(low), float(high), level, "profile-F", not np.isfinite(low), not np.isfinite(high)
        )

    def report(self) -> str:
        """Return lmfit's own report."""
        return str(self._result.fit_report())

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


def fit_smooth(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    family: str = "auto",
    chance: float | None = None,
    best: float | None = None,
    n_items: ArrayLike | None = None,
    run: ArrayLike | None = None,
    tokens: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_boot: int = 999,
    rng: Seed = 0,
) -> SmoothFit:
    r"""Fit a curve without a threshold.

    The families are those of :mod:`emergence.curves`:

    .. math::

        \text{flat } c,\quad \text{linear } b - aL,\quad
        \text{exponential } c + A e^{-k(L - L_0)},\quad
        \text{power } c + A (L/L_0)^{-g},\quad
        \text{logistic } c + \frac{C - c}{1 + e^{(L - m)/w}}

    A grid over the non-linear parameters finds the basin, lmfit the optimum in it.

    Parameters
    ----------
    points, value, chance, best, n_items, run, tokens, weights
        As for :func:`fit_threshold`.
    family : {"auto", "flat", "linear", "exponential", "power", "logistic"}
        ``auto`` takes the lowest BIC.
    n_boot : int
        Replicates behind the interval of a prediction.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Returns
    -------
    SmoothFit

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
    pts = as_points(
        points,
        value,
        chance=chance,
        best=best,
        n_items=n_items,
        run=run,
        tokens=tokens,
        weights=weights,
    )
    problem = make_problem(pts)
    contest = smooth_contest(problem)
    candidates = contest.refined()
    bics = {"flat": _flat_candidate_bic(problem)}
    for c in sorted(candidates, key=lambda c: -c.bic):
        bics[_PUBLIC[c.family.name]] = c.bic
    name = min(bics, key=lambda k: bics[k]) if family == "auto" else family
    best_candidate = (
        None
        if name == "flat"
        else min((c for c in candidates if c.family.name in _MEMBERS[name]), key=lambda c: c.bic)
    )
    result = _polish(problem, name, best_candidate)
    params = {k: float(v.value) for k, v in result.params.items()}
    at_bound = tuple(k for k, v in result.params.items() if v.vary and _near(v.value, v.min, v.max))
    stderr = {
        k: float(v.stderr) if v.vary and v.stderr is not None and k not in at_bound else np.nan
        for k, v in result.params.items()
    }
    mu = (
        best_candidate.ability(problem.x)
        if best_candidate
        else np.full(problem.n, float(np.average(problem.y, weights=problem.root_w**2)))
    )
    k = best_candidate.n_params if best_candidate else 1
    kept = tuple(
        b for b in contest.blocks if family == "auto" or b.family.name in _MEMBERS.get(name, ())
    )
    warnings: tuple[str, ...] = ()
    if problem.run is not None:
        warnings = ("standard errors and profile intervals take checkpoints as independent",)
    return SmoothFit(
        points=problem.points,
        family=name,
        params=params,
        stderr=stderr,
        at_bound=at_bound,
        rss=float(result.chisqr),
        bic=bics[name],
        families=bics,
        warnings=warnings,
        n_boot=n_boot,
        _result=result,
        _contest=Contest(problem, kept, False) if best_candidate else None,
        _best=best_candidate,
        _errors=error_model(problem, mu, k, as_seed(rng)),
    )


def _near(value: float, low: float, high: float) -> bool:
    return bool(np.isclose(value, low, rtol=1e-4) or np.isclose(value, high, rtol=1e-4))


def _flat_candidate_bic(problem: Problem) -> float:
    mean = float(np.average(problem.y, weights=problem.root_w**2))
    rss = float((((problem.y - mean) * problem.root_w) ** 2).sum())
    return problem.n * float(np.log(max(rss, 1e-300) / problem.n)) + float(np.log(problem.n))


def _flat_half_width(fit: SmoothFit, level: float) -> float:
    """Half width of the interval of a constant: t quantile times its standard error."""
    from scipy.stats import t

    return float(t.ppf(0.5 * (1 + level), fit.points.size - 1) * fit.stderr["floor"])


def _polish(problem: Problem, name: str, start: Candidate | None) -> ModelResult:
    """Let lmfit carry the estimate from the best grid basin, in natural units."""
    from lmfit import Model

    points = problem.points
    scale = abs(points.best - points.chance)
    model = Model(_CURVES[name], independent_vars=["loss"])
    for key, (value, low, high, vary) in _start(problem, name, start).items():
        model.set_param_hint(key, value=value, min=low, max=high, vary=vary)
    return model.fit(
        points.value,
        model.make_params(),
        loss=points.loss,
        weights=problem.root_w / scale,
        scale_covar=True,
    )


def _start(
    problem: Problem, name: str, start: Candidate | None
) -> dict[str, tuple[float, float, float, bool]]:
    """Translate a canonical candidate to (value, min, max, vary) in natural units."""
    points, inf = problem.points, np.inf
    scale = points.best - points.chance
    if start is None:
        return {"floor": (float(points.value.mean()), -inf, inf, True)}
    level, gain = points.chance + start.amps[0] * scale, float(start.amps[1] * scale)
    theta, low, span = start.theta, problem.low, problem.span
    if name == "linear":
        slope = gain / span
        return {
            "intercept": (level + slope * low, -inf, inf, True),
            "slope": (slope, -inf, inf, True),
        }
    if name == "logistic":
        free = start.family.free_floor
        return {
            "middle": (low + span * theta[0], low - 4 * span, low + 3 * span, True),
            "width": (span * theta[1], 1e-4 * span, 4 * span, True),
            "ceiling": (level + gain, -inf, inf, True),
            "floor": (level, -inf, inf, free),
        }
    k = float(theta[0])
    if name == "exponential":
        return {
            "amplitude": (gain if k > 0 else -gain * np.exp(k), -inf, inf, True),
            "rate": (k / span, -70 / span, 70 / span, True),
            "floor": (level, -inf, inf, True),
            "origin": (low, -inf, inf, False),
        }
    top = (low + span) / low
    return {
        "amplitude": (gain if k > 0 else -gain * top**k, -inf, inf, True),
        "exponent": (k, -130, 130, True),
        "floor": (level, -inf, inf, True),
        "origin": (low, -inf, inf, False),
    }
