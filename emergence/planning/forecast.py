r"""forecast: the score below the losses that have been reached, from the records above.

Every family, hinge included, says what comes next, and each is weighted by its evidence
(:mod:`emergence.planning.panel`).  That alone is too sure of itself: with many checkpoints one
family takes all the weight, and no family is true.  So the procedure is asked about losses that it
could have forecast before: cut higher, fit what is above, and look what came.  With :math:`e_j` the
error of past forecast j and :math:`S_j` the gain it spoke of, the relative error is

.. math:: g^2 = \frac{\nu_0 g_0^2 + \sum_j (e_j / S_j)^2}{\nu_0 + J},

and the forecast gets the variance :math:`g^2 S(L)^2` on top, with Student's t of
:math:`\nu_0 + J` degrees of freedom.  :math:`g_0` is what such forecasts were off by in other
records (benchmarks/forecast.py), worth :math:`\nu_0` past forecasts.

Where the scores above the cut do not clearly rise, nothing can be said of what comes: a threshold
may lie anywhere below.  The forecast then says so, and its interval is everything.
"""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray, Noise, Runs
from emergence.engine.problem import check_size, make_problem, with_run_noise
from emergence.engine.runs.covariance import structured
from emergence.errors import DataError, MethodRefused
from emergence.noise.runs import RunNoise
from emergence.planning.forecast_result import Forecast, PastForecast
from emergence.planning.panel import Panel, fit_panel
from emergence.records.as_points import as_points
from emergence.records.points import LEAST_POINTS, Points

# A forecast is tried only where the curve beats a constant by this much BIC, and has risen by
# this many standard deviations of a score and this share of the way from chance to the best.
_CLEAR = 10.0
_RISEN = 4.0
_FAR = 0.05
# Relative error of forecasts in other records, and how many past forecasts that is worth.
PRIOR_ERROR = 0.35
PRIOR_WORTH = 2.0
_MOST_RELATIVE = 2.0  # a forecast that spoke of next to no gain says little of shares of it
_MOST_PAST = 6
_LEAST_ABOVE = 12  # points above a past cut
_TANGENT = 0.02  # of the loss axis, for the slope at the edge


def forecast(
    points: Points,
    loss: ArrayLike,
    *,
    cut: float | None = None,
    noise: Noise = "auto",
    runs: Runs = "auto",
) -> Forecast:
    """Forecast the scores of a task at losses below those of the records.

    Parameters
    ----------
    points : Points
        Scores of one task and metric.
    loss : array_like
        Where to forecast, nats per token.
    cut : float, optional
        Use the points with at least this loss only; default all.
    noise, runs
        As of :func:`fit_threshold`.

    Raises
    ------
    DataError
        For fewer than 8 points above the cut, or losses that are not positive.
    MethodRefused
        For runs with thresholds of their own: their common curve is none that a new run follows.

    Notes
    -----
    The interval is for the score of a new run, measured as the others were.  Past forecasts are as
    deep as the deepest loss asked for, so the interval at one loss depends a little on the others.

    Examples
    --------
    >>> from emergence import simulate
    >>> points = simulate("logistic", eta=2.4, n=200, sd=0.01, rng=1).select()
    >>> ahead = forecast(points, [1.8, 2.0], cut=2.1)
    >>> ahead.known
    True
    >>> low, high = ahead.interval(level=0.9)
    >>> bool((low < ahead.score).all() and (ahead.score < high).all())
    True
    """
    pts = as_points(points)
    at = np.atleast_1d(np.asarray(loss, dtype=float))
    if at.ndim != 1 or at.size == 0 or not ((at > 0) & np.isfinite(at)).all():
        raise DataError("the losses to forecast at must be positive and finite, in one dimension")
    if runs == "random threshold":
        raise MethodRefused(
            "runs with thresholds of their own have no common curve to continue: leave runs out"
        )
    if cut is not None:
        pts = _above(pts, cut)
    problem = make_problem(pts, noise, runs)
    check_size(problem, "a forecast")
    panel = fit_panel(structured(problem))
    edge = float(pts.loss.min())
    past = _past_forecasts(panel, noise, runs, max(edge - float(at.min()), 0.0))
    relative, dof = _relative_error(past)
    gain = _gain(panel, at)
    said = panel.at(panel.problem.to_x(at))
    # Within the records nothing rests on the few past forecasts.
    ahead = said.wider(
        (relative * gain) ** 2 + panel.score_sd**2, np.where(gain > 0, dof, said.dof)
    )
    return Forecast(
        points=panel.problem.points,
        loss=at,
        known=_is_known(panel),
        weights=dict(zip(panel.names, map(float, panel.weights), strict=True)),
        gain=gain,
        relative_error=relative,
        past=past,
        edge=edge,
        rise=panel.rise,
        score_sd=panel.score_sd,
        _problem=panel.problem,
        _mixture=ahead,
    )


def _above(points: Points, cut: float) -> Points:
    """Points with at least this loss."""
    keep = points.loss >= cut
    if int(keep.sum()) < LEAST_POINTS:
        raise DataError(
            f"{points.label}: {int(keep.sum())} points with a loss of {cut:g} or more; "
            f"a forecast needs {LEAST_POINTS}"
        )
    return as_points(points.where(keep))


def _is_known(panel: Panel) -> bool:
    """Whether the scores clearly rise, so that there is a curve to follow."""
    return panel.over_flat > _CLEAR and panel.rise >= max(_FAR, _RISEN * panel.score_sd)


def _gain(panel: Panel, loss: FloatArray) -> FloatArray:
    """Ability that the forecast gains below the edge, or would along the tangent there."""
    problem = panel.problem
    edge = np.array([0.0, _TANGENT])  # on the canonical axis
    here = panel.at(edge).mean
    slope = abs(float(here[0] - here[1])) / (_TANGENT * problem.span)
    depth = np.maximum(problem.low - loss, 0.0)
    ahead = np.abs(panel.at(problem.to_x(loss)).mean - here[0])
    return np.where(depth > 0, np.maximum(ahead, slope * depth), 0.0)


def _past_forecasts(
    panel: Panel, noise: Noise, runs: Runs, depth: float
) -> tuple[PastForecast, ...]:
    """Forecasts of the same depth that the records could have made before, and what came."""
    points = panel.problem.points
    edge = float(points.loss.min())
    depth = min(depth, float(np.median(points.loss)) - edge)
    least = max(points.size // 3, _LEAST_ABOVE)
    out: list[PastForecast] = []
    for j in range(1, _MOST_PAST + 1):
        cut = edge + j * depth
        above = points.loss >= cut
        below = ~above & (points.loss >= cut - depth)
        if depth <= 0 or int(above.sum()) < least:
            break
        if int(below.sum()) < 2 or np.unique(points.loss[above]).size < 4:
            continue
        then = _panel_of(points.where(above), noise, runs, panel.problem.run_model.noise)
        if _is_known(then):
            out.append(_compare(then, points.where(below), cut))
    return tuple(out)


def _panel_of(points: Points, noise: Noise, runs: Runs, found: RunNoise | None) -> Panel:
    """Panel of some of the points, with the covariance of runs found on all of them."""
    if points.n_runs == points.size:  # above the cut no two checkpoints share a run
        runs = "independent"
    problem = make_problem(points, noise, runs)
    if problem.run is not None and found is not None:
        problem = with_run_noise(problem, found)
    return fit_panel(problem)


def _compare(then: Panel, came: Points, cut: float) -> PastForecast:
    """Mean error of a past forecast, what it said of its own error, and the gain it spoke of."""
    said = then.at(then.problem.to_x(came.loss))
    own = float(said.variance.mean()) + then.score_sd**2 / came.n_runs
    return PastForecast(
        cut=cut,
        n_above=then.problem.n,
        n_below=came.size,
        error=float((came.ability - said.mean).mean()),
        stderr=float(np.sqrt(own)),
        gain=float(_gain(then, came.loss).mean()),
    )


def _relative_error(past: tuple[PastForecast, ...]) -> tuple[float, float]:
    """Relative error of forecasts, prior and past together, and its degrees of freedom."""
    dof = PRIOR_WORTH + len(past)
    squares = sum(_square(p) for p in past)
    return float(np.sqrt((PRIOR_WORTH * PRIOR_ERROR**2 + squares) / dof)), dof


def _square(past: PastForecast) -> float:
    """Squared relative error beyond what the forecast said of itself."""
    beyond = max(past.error**2 - past.stderr**2, 0.0)
    return min(beyond, (_MOST_RELATIVE * past.gain) ** 2) / max(past.gain, 1e-12) ** 2
