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
        return {"level": self.level, "scores": rows}

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
        """Draw the error of every form, task by task."""
        from emergence.report.forecast_figure import plot_backtest  # matplotlib only when drawing

        return plot_backtest(self, ax=ax)
