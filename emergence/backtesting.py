"""backtest: could it have been seen coming?  Hide what came, forecast it, and compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emergence.backtest_result import Backtest, Case, FormForecast
from emergence.errors import DataError
from emergence.forecasting import forecast
from emergence.noise import Noise
from emergence.panel import worst
from emergence.points import Points, as_points
from emergence.problem import canonical_order
from emergence.rivals import rival_forecasts
from emergence.runs import Runs


def backtest(
    points: Points | Sequence[Points],
    *,
    largest: int | None = None,
    cut: float | None = None,
    level: float = 0.9,
    noise: Noise = "auto",
    runs: Runs = "auto",
) -> Backtest:
    r"""Hide the largest models, or all below a loss, and score the forecasts of what is hidden.

    A forecast is scored by its mean absolute error, by the share of scores that its interval
    holds, and by the interval score

    .. math:: (u - l) + \tfrac{2}{\alpha} (l - y)_+ + \tfrac{2}{\alpha} (y - u)_+

    (Gneiting & Raftery 2007, J. Am. Stat. Assoc. 102, 359), smaller being better.  Beside ours
    stand the forms in use (:mod:`emergence.rivals`), fitted to the same points.

    Parameters
    ----------
    points : Points, or a sequence of Points of several tasks
        Scores with params, where the largest models are to be hidden.
    largest : int, optional
        How many of the largest sizes to hide; default 1 where no cut is given.
    cut : float, optional
        Hide the points with a loss below this instead, nats per token.
    level : float
        Nominal coverage of the intervals.
    noise, runs
        As of :func:`fit_threshold`.

    Returns
    -------
    Backtest
        Only hidden points with a loss below all others are scored: the rest is no forecast.

    Raises
    ------
    DataError
        Where nothing can be hidden, none of it lies below the losses that are left, or tasks are
        scored on different scales.

    Examples
    --------
    >>> from emergence import simulate
    >>> points = simulate("logistic", eta=2.4, n=200, sd=0.01, rng=1).select()
    >>> result = backtest(points, cut=2.0)
    >>> bool(result.table.loc["emergence", "error"] < result.table.loc["line", "error"])
    True
    """
    if largest is not None and cut is not None:
        raise DataError("hide either the largest models or what lies below a cut, not both")
    several = [points] if isinstance(points, Points) else list(points)
    if not several:
        raise DataError("no points to test forecasts on")
    if len({p.best for p in several}) > 1:
        raise DataError("the tasks are scored by metrics of different scales: give one metric")
    hide = 1 if largest is None else largest
    return Backtest(tuple(_case(p, hide, cut, level, noise, runs) for p in several), level)


def _case(
    points: Points, largest: int, cut: float | None, level: float, noise: Noise, runs: Runs
) -> Case:
    """Forecasts of one task, ours first."""
    points = as_points(points)
    train, ahead = _split(points.where(canonical_order(points)), largest, cut)
    ours = forecast(train, ahead.loss, noise=noise, runs=runs)
    low, high = ours.interval(level)
    said = [FormForecast("emergence", ours.score, low, high)]
    # No form is charged for what no score can be.
    least = worst(train)
    for name, abilities in rival_forecasts(train, ahead, level, two_steps=cut is None):
        middle, *ends = (train.to_value(np.clip(a, least, 1.0)) for a in abilities)
        low, high = np.sort(ends, axis=0)
        said.append(FormForecast(name, middle, low, high))
    return Case(ahead, ours, tuple(said))


def _split(points: Points, largest: int, cut: float | None) -> tuple[Points, Points]:
    """Points to learn from, and hidden ones with a loss below theirs."""
    if cut is not None:
        hidden = points.loss < cut
    else:
        if points.params is None:
            raise DataError(f"{points.label}: params are needed to hide the largest models")
        sizes = np.unique(points.params)
        if not 1 <= largest < sizes.size:
            raise DataError(
                f"{points.label}: {sizes.size} sizes; cannot hide the {largest} largest"
            )
        hidden = points.params >= sizes[-largest]
    what = "below the cut" if cut is not None else "of the largest models"
    if not hidden.any() or hidden.all():
        raise DataError(f"{points.label}: {int(hidden.sum())} of {points.size} points lie {what}")
    train = points.where(~hidden)
    ahead = points.where(hidden & (points.loss < train.loss.min()))
    if ahead.size == 0:
        raise DataError(
            f"{points.label}: no hidden point has a loss below {train.loss.min():.4g}, "
            "the lowest that is left: there is nothing to forecast"
        )
    return train, ahead
