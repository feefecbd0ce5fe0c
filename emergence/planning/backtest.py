"""backtest: could it have been seen coming?  Hide what came, forecast it, and compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from emergence._results import Result, jsonable, no_interval
from emergence._typing import Axes, FloatArray, Noise, Runs
from emergence.engine.problem import canonical_order
from emergence.errors import DataError
from emergence.interval import Interval, check_level
from emergence.planning.forecast import forecast
from emergence.planning.forecast_result import Forecast
from emergence.planning.panel import worst
from emergence.planning.rivals import rival_forecasts
from emergence.records.as_points import as_points
from emergence.records.points import Points


@dataclass(frozen=True, eq=False)
class FormForecast:
    """What one form said of the hidden scores."""

    form: str
    score: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Case:
    """One task: the hidden points, our forecast, and what every form said."""

    hidden: Points = field(repr=False)
    forecast: Forecast
    said: tuple[FormForecast, ...]

    def row(self, said: FormForecast, level: float) -> dict[str, Any]:
        """Scores of one form."""
        y, tail = self.hidden.value, 2.0 / (1.0 - level)
        outside = np.maximum(said.low - y, 0.0) + np.maximum(y - said.high, 0.0)
        return {
            "task": self.hidden.task,
            "metric": self.hidden.metric,
            "form": said.form,
            "n": self.hidden.size,
            "known": self.forecast.known,
            "error": float(np.abs(said.score - y).mean()),
            "bias": float((said.score - y).mean()),
            "coverage": float(((y >= said.low) & (y <= said.high)).mean()),
            "width": float((said.high - said.low).mean()),
            "interval_score": float((said.high - said.low + tail * outside).mean()),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Backtest(Result):
    """Forecasts tried on what is known; made by :func:`backtest`.

    Attributes
    ----------
    cases : tuple of Case
        One for each task.
    level : float
        Nominal coverage of the intervals.
    """

    cases: tuple[Case, ...]
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """Mean of every form over the tasks that can be forecast, ours first.

        ``tasks`` says over how many: a form that cannot be fitted to some is not to be compared
        with the others.
        """
        frame = self.to_frame()
        groups = frame[frame["known"]].groupby("form", sort=False)
        columns = ["error", "bias", "coverage", "width", "interval_score"]
        return groups[columns].mean().assign(tasks=groups.size())

    def to_frame(self) -> pd.DataFrame:
        """One row per task and form."""
        return pd.DataFrame(
            [case.row(said, self.level) for case in self.cases for said in case.said]
        )

    def to_dict(self) -> dict[str, Any]:
        """All scores, in types that survive JSON."""
        rows = jsonable(self.to_frame().to_dict("records"))
        warnings = list(self.warnings)
        return {"level": self.level, "reason": self.reason, "warnings": warnings, "scores": rows}

    def interval(self, name: str = "emergence", level: float = 0.95) -> Interval:
        """Interval of the mean error of one form over the tasks, by Student's t.

        DataError for a form that was not fitted to at least two tasks.
        """
        frame = self.to_frame()
        error = frame["error"][frame["known"] & (frame["form"] == name)].to_numpy(dtype=float)
        if error.size < 2:
            counts = frame[frame["known"]].groupby("form").size()
            raise no_interval(name, counts.index[counts > 1])
        check_level(level)
        quantile = float(stdtrit(error.size - 1, 0.5 * (1.0 + level)))
        half = quantile * float(error.std(ddof=1)) / np.sqrt(error.size)
        return Interval(error.mean() - half, error.mean() + half, level, "t")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: tasks of which nothing can be known."""
        return tuple(f"{task}: what comes cannot be known" for task in self.unknown)

    @property
    def unknown(self) -> list[str]:
        """Tasks of which the forecast says that what comes cannot be known."""
        return [case.hidden.label for case in self.cases if not case.forecast.known]

    @property
    def best_other(self) -> tuple[str, dict[str, float]] | None:
        """The other form of least error, of those fitted to every task, and its scores."""
        table = self.table
        whole = table[table["tasks"] == table["tasks"].max()].drop("emergence", errors="ignore")
        ranked = whole.sort_values("error", kind="stable").to_dict("index")
        return next(((str(form), scores) for form, scores in ranked.items()), None)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        known = [case for case in self.cases if case.forecast.known]
        text = ""
        if (other := self.best_other) is not None:
            ours = self.table.to_dict("index")["emergence"]
            n = sum(case.hidden.size for case in known)
            text = (
                f"forecasts of {n} hidden scores were off by {ours['error']:.4f}, and their "
                f"{self.level:.0%} intervals held {ours['coverage']:.0%}; the best other form, "
                f"{other[0]}, was off by {other[1]['error']:.4f} and held "
                f"{other[1]['coverage']:.0%}"
            )
        if self.unknown:
            said = f"of {', '.join(self.unknown)} it said that what comes cannot be known"
            text = f"{text}; {said}" if text else said
        return text

    def summary(self) -> str:
        """Report as text."""
        return "\n".join(
            [
                f"{len(self.cases)} task{'s' if len(self.cases) > 1 else ''}: {self.reason}",
                self.table.to_string(float_format=lambda v: f"{v:.4f}"),
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one task's hidden scores with every form, or the errors of every form on several."""
        from emergence.figures.forecast import draw_forms, plot_errors

        if len(self.cases) > 1:
            return plot_errors(self.table, self.to_frame(), self.level, ax)
        case = self.cases[0]
        ax = case.forecast.plot(ax, level=self.level)
        draw_forms(ax, case.hidden, [(said.form, said.score) for said in case.said[1:]])
        return ax


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
    stand the forms in use (:mod:`emergence.planning.rivals`), fitted to the same points.

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
    return Backtest(
        tuple(_case(p, hide, cut, level, noise=noise, runs=runs) for p in several), level
    )


def _case(
    points: Points, largest: int, cut: float | None, level: float, *, noise: Noise, runs: Runs
) -> Case:
    """Forecasts of one task, ours first."""
    # What was hidden is not to be judged by what lies beside it.
    points = as_points(points, outliers="keep", losses="given")
    train, ahead = _split(points.where(canonical_order(points)), largest, cut)
    ours = forecast(train, ahead.loss, noise=noise, runs=runs)
    low, high = ours.interval("score", level)
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
