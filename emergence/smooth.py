"""fit_smooth: the curves without a threshold, and how well they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.contest import Candidate, Contest, smooth_contest
from emergence.errors import DataError
from emergence.noise import Noise
from emergence.points import Points, as_points
from emergence.problem import Problem, make_problem
from emergence.profile import flat_bic
from emergence.resample import ErrorModel, Seed, as_seed
from emergence.runs import Runs
from emergence.smooth_result import CURVES, SmoothFit
from emergence.structure import structured

if TYPE_CHECKING:
    from lmfit import Minimizer

FAMILIES = ("auto", "flat", "linear", "exponential", "power", "logistic")
# Names of the competing families on the canonical axis, by the public name.
_MEMBERS = {
    "linear": ("linear",),
    "exponential": ("exponential",),
    "power": ("power_law",),
    "logistic": ("logistic", "logistic_free"),
}
_PUBLIC = {member: name for name, members in _MEMBERS.items() for member in members}


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
    noise: Noise = "auto",
    runs: Runs = "auto",
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
    points, value, chance, best, n_items, run, tokens, weights, noise, runs
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
    problem = structured(make_problem(pts, noise, runs))
    contest = smooth_contest(problem)
    candidates = contest.refined()
    bics = {"flat": flat_bic(problem)}
    for c in sorted(candidates, key=lambda c: -c.bic):
        bics[_PUBLIC[c.family.name]] = c.bic
    name = min(bics, key=lambda k: bics[k]) if family == "auto" else family
    best_candidate = (
        None
        if name == "flat"
        else min((c for c in candidates if c.family.name in _MEMBERS[name]), key=lambda c: c.bic)
    )
    return _result(contest, name, best_candidate, bics, family, n_boot, as_seed(rng))


def _result(
    contest: Contest,
    name: str,
    best: Candidate | None,
    bics: dict[str, float],
    requested: str,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> SmoothFit:
    """Polish the candidate (None: flat) and gather what a result knows."""
    problem = contest.problem
    minimizer = _minimizer(problem, name, best)
    fit = minimizer.minimize()
    at_bound = tuple(k for k, v in fit.params.items() if v.vary and _near(v.value, v.min, v.max))
    stderr = {
        k: float(v.stderr) if v.vary and v.stderr is not None and k not in at_bound else np.nan
        for k, v in fit.params.items()
    }
    # A prediction lets the families compete again only if they competed for the estimate.
    kept = tuple(
        f for f in contest.families if requested == "auto" or f.name in _MEMBERS.get(name, ())
    )
    return SmoothFit(
        points=problem.points,
        family=name,
        params={k: float(v.value) for k, v in fit.params.items()},
        stderr=stderr,
        at_bound=at_bound,
        rss=float(fit.chisqr),
        bic=bics[name],
        families=bics,
        warnings=(),
        n_boot=n_boot,
        _minimizer=minimizer,
        _result=fit,
        _contest=Contest(problem, kept, None, False) if best else None,
        _best=best,
        _errors=ErrorModel(problem, seed),
    )


def _near(value: float, low: float, high: float) -> bool:
    return bool(np.isclose(value, low, rtol=1e-4) or np.isclose(value, high, rtol=1e-4))


def _minimizer(problem: Problem, name: str, start: Candidate | None) -> Minimizer:
    """Let lmfit carry the estimate from the best grid basin, in natural units."""
    from lmfit import Minimizer, Parameters

    points = problem.points
    scale = abs(points.best - points.chance)
    params = Parameters()
    for key, (value, low, high, vary) in _start(problem, name, start).items():
        params.add(key, value=value, min=low, max=high, vary=vary)

    def residual(now: Parameters) -> FloatArray:
        rest = points.value - CURVES[name](points.loss, **now.valuesdict())
        return problem.white(rest[None] / scale)[0]

    return Minimizer(residual, params, scale_covar=True)


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
