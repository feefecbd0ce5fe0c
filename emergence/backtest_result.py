"""Backtest: how far forecasts were from what came, beside the forms in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from emergence._typing import FloatArray
from emergence.forecast_result import Forecast
from emergence.points import Points
from emergence.results import jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Trial:
    """What one form said of the hidden scores."""

    form: str
    score: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Case:
    """One task: the hidden points, our forecast, and the trial of every form."""

    hidden: Points = field(repr=False)
    forecast: Forecast
    trials: tuple[Trial, ...]

    def row(self, trial: Trial, level: float) -> dict[str, Any]:
        """Scores of one form."""
        y, tail = self.hidden.value, 2.0 / (1.0 - level)
        outside = np.maximum(trial.low - y, 0.0) + np.maximum(y - trial.high, 0.0)
        return {
            "task": self.hidden.task,
            "metric": self.hidden.metric,
            "form": trial.form,
            "n": self.hidden.size,
            "known": self.forecast.known,
            "error": float(np.abs(trial.score - y).mean()),
            "bias": float((trial.score - y).mean()),
            "coverage": float(((y >= trial.low) & (y <= trial.high)).mean()),
            "width": float((trial.high - trial.low).mean()),
            "interval_score": float((trial.high - trial.low + tail * outside).mean()),
        }


@dataclass(frozen=True, eq=False)
class Backtest:
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
        """Mean over the tasks for every form, ours first: error, coverage, interval score."""
        columns = ["error", "bias", "coverage", "width", "interval_score"]
        return self.to_frame().groupby("form", sort=False)[columns].mean()

    def to_frame(self) -> pd.DataFrame:
        """One row per task and form."""
        return pd.DataFrame(
            [case.row(trial, self.level) for case in self.cases for trial in case.trials]
        )

    def to_dict(self) -> dict[str, Any]:
        """All scores, in types that survive JSON."""
        rows = jsonable(self.to_frame().to_dict("records"))
        return {"level": self.level, "scores": rows}

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        table = self.table
        ours, others = table.iloc[0], table.iloc[1:].sort_values("error", kind="stable")
        best, other = next(iter(others.to_dict("index").items()))
        unknown = [case.hidden.label for case in self.cases if not case.forecast.known]
        text = (
            f"forecasts were off by {ours['error']:.4f} and their {self.level:.0%} intervals held "
            f"{ours['coverage']:.0%} of the scores; the best other form, {best}, was off by "
            f"{other['error']:.4f} and held {other['coverage']:.0%}"
        )
        if unknown:
            text += f"; it said of {', '.join(unknown)} that it cannot be known"
        return text

    def summary(self) -> str:
        """Report as text."""
        return "\n".join(
            [
                f"Forecasts of {sum(c.hidden.size for c in self.cases)} hidden scores of "
                f"{len(self.cases)} task{'s' if len(self.cases) > 1 else ''}: {self.reason}",
                self.table.to_string(float_format=lambda v: f"{v:.4f}"),
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the error of every form, task by task."""
        from emergence.report.forecast_figure import plot_backtest  # matplotlib only when drawing

        return plot_backtest(self, ax=ax)
