"""Forecast: scores at losses not reached yet, and how far such forecasts can be trusted."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from emergence._results import Result, jsonable, no_interval
from emergence._typing import Axes, FloatArray
from emergence.engine.problem import Problem
from emergence.interval import Interval, check_level
from emergence.planning.panel import Mixture, worst
from emergence.records.points import Points


@dataclass(frozen=True)
class PastForecast:
    """What a forecast from above ``cut`` was off by, in ability.

    ``error`` is the mean error over the points that came, ``stderr`` what the forecast said of it,
    ``gain`` the gain it spoke of.
    """

    cut: float
    n_above: int
    n_below: int
    error: float
    stderr: float
    gain: float


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Result):
    """Forecast scores; made by :func:`forecast`.

    Attributes
    ----------
    loss : (m,) array
        Where the scores are forecast, nats per token.
    known : bool
        Whether the scores above clearly rise.  Where they do not, what comes cannot be known.
    weights : dict
        Weight of every family.
    gain : (m,) array
        Ability ahead of the edge at each loss: by the forecast, or along the tangent if more.
    relative_error : float
        By which share of that gain such forecasts are off.
    past : tuple of PastForecast
        Forecasts that these records could have made before.
    edge : float
        Lowest loss of the records used.
    rise, score_sd : float
        Gained so far, and standard deviation of one score, both in ability: chance 0, best 1.
    """

    points: Points = field(repr=False)
    loss: FloatArray
    known: bool
    weights: dict[str, float]
    gain: FloatArray
    relative_error: float
    past: tuple[PastForecast, ...]
    edge: float
    rise: float
    score_sd: float
    _problem: Problem = field(repr=False)
    _mixture: Mixture = field(repr=False)

    @property
    def score(self) -> FloatArray:
        """Forecast score; where nothing can be known, the level of the records."""
        if self.known:
            return self._problem.to_value(self._mixture.mean)
        return np.full(self.loss.shape, float(np.average(self.points.value)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: few forecasts that these records could have made."""
        if self.known and len(self.past) < 2:
            few = f"past forecasts from these records to learn from: only {len(self.past)}"
            return (few, *self.points.notes)
        return self.points.notes

    def interval(self, name: str = "score", level: float = 0.95) -> Interval:
        """Interval for the ``score`` of a new run at each loss; its ends are (m,) arrays.

        Where nothing can be known: from the worst score seen, or chance, to the best possible.
        """
        if name != "score":
            raise no_interval(name, ("score",))
        check_level(level)
        least = worst(self.points)
        if self.known:
            tail = 0.5 * (1.0 - level)
            ends = [np.clip(self._mixture.quantile(p), least, 1.0) for p in (tail, 1.0 - tail)]
        else:
            ends = [np.full(self.loss.shape, least), np.ones(self.loss.shape)]
        low, high = np.sort([self._problem.to_value(end) for end in ends], axis=0)
        return Interval(low, high, level, "mixture")

    @property
    def reason(self) -> str:
        """What the forecast rests on, in one sentence."""
        if not self.known:
            return (
                f"it cannot be known: above a loss of {self.edge:.4g} the scores do not clearly "
                "rise, and a threshold may lie anywhere below"
            )
        leading = ", ".join(f"{k} {w:.0%}" for k, w in self.weights.items() if w >= 0.05)
        tried = (
            f"{len(self.past)} of them from these records" if self.past else "from other records"
        )
        return (
            f"families {leading}; forecasts like it, {tried}, are off by "
            f"{self.relative_error:.0%} of the gain ahead"
        )

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per loss: score, interval, whether it can be known."""
        low, high = self.interval("score", level)
        return pd.DataFrame(
            {"loss": self.loss, "score": self.score, "low": low, "high": high, "known": self.known}
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        found = self.points.facts() | super().to_dict()
        return found | {"forecast": jsonable(self.to_frame().to_dict("list"))}

    def summary(self, level: float = 0.95) -> str:
        """Report as text."""
        lines = [f"Forecast of {self.points.label}: {self.reason}"]
        for row in self.to_frame(level).itertuples():
            lines.append(
                f"  loss {row.loss:.4g}: {row.score:.4f}, {level:.0%} [{row.low:.4f}, "
                f"{row.high:.4f}]"
            )
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
        """Draw the records, the forecast and its interval."""
        from emergence.figures.forecast import plot_forecast  # matplotlib only when drawing

        return plot_forecast(self.points, self.to_frame(level), self.edge, level, ax)
