"""JoinedCurves: records that two figures of a report make, with what reading them leaves unsure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from emergence._random import Seed, Stream, as_seed, child
from emergence._results import Result, Status, jsonable
from emergence._typing import Axes, FloatArray
from emergence.errors import DataError
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval
from emergence.records.records import Records

_READINGS = 40  # times that the figures are read again


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a figure: its ends as printed, and whether it is logarithmic."""

    low: float
    high: float
    log: bool = False

    def place(self, value: FloatArray) -> FloatArray:
        """Values to places from 0 to 1 along the axis."""
        if self.log:
            out: FloatArray = np.log(value / self.low) / np.log(self.high / self.low)
            return out
        return (value - self.low) / (self.high - self.low)

    def value(self, place: FloatArray) -> FloatArray:
        """Places back to values."""
        if self.log:
            out: FloatArray = self.low * (self.high / self.low) ** place
            return out
        return self.low + place * (self.high - self.low)


@dataclass(frozen=True, eq=False)
class ReadFigure:
    """Series of one figure by name, columns x and y, and its two axes."""

    series: Mapping[str, pd.DataFrame]
    x: Axis
    y: Axis

    @property
    def axes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends of both axes."""
        return (self.x.low, self.x.high), (self.y.low, self.y.high)

    def again(self, error: float, g: np.random.Generator, *, points: bool) -> Self:
        """Another reading: the ends of both axes misread, and with ``points`` every reading too."""
        (x_low, x_high), (y_low, y_high) = g.normal(0.0, error, (2, 2))

        def moved(axis: Axis, values: FloatArray, low: float, high: float) -> FloatArray:
            place = axis.place(values)
            shift = low * (1.0 - place) + high * place
            own = g.normal(0.0, error, place.size) if points else 0.0
            return axis.value(place + shift + own)

        series = {}
        for name, curve in self.series.items():
            x, y = curve["x"].to_numpy(), curve["y"].to_numpy()
            columns = {"x": moved(self.x, x, x_low, x_high), "y": moved(self.y, y, y_low, y_high)}
            series[name] = pd.DataFrame(columns).sort_values("x", ignore_index=True)
        return replace(self, series=series)


@dataclass(frozen=True, eq=False, repr=False)
class ReadThreshold(Result):
    """Threshold of joined curves: the fit, and its interval with the reading error in it.

    Attributes
    ----------
    fit : ThresholdFit
        As if the figures had been read without error.
    reading_sd : float
        Standard deviation that reading the figures adds to eta, nats.
    """

    fit: ThresholdFit
    reading_sd: float
    _draws: FloatArray = field(repr=False)

    @property
    def eta(self) -> float:
        """Threshold loss, nats per token."""
        return self.fit.eta

    def interval(self, name: str = "eta", level: float = 0.95) -> Interval:
        """Interval of the fit, each half lengthened by that of the reading, in quadrature."""
        inner = self.fit.interval(name, level)
        moves = np.abs(self._draws - np.median(self._draws))
        # The quantile of one more reading: that of the draws themselves would be too near.
        share = min(level * (1.0 + 1.0 / moves.size), 1.0)
        off = float(np.quantile(moves, share, method="inverted_cdf"))
        low = self.eta - float(np.hypot(self.eta - inner.low, off))
        high = self.eta + float(np.hypot(inner.high - self.eta, off))
        return replace(inner, low=low, high=high, method=f"{inner.method} and readings")

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        return (
            f"{self.fit.points.label} begins at a loss of {self.eta:.4g} {self.interval()}; "
            f"reading the figures adds a standard deviation of {self.reading_sd:.2g} nats"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: the warnings of the fit."""
        return self.fit.warnings

    def to_frame(self) -> pd.DataFrame:
        """One row: eta, interval, what reading adds."""
        ci = self.interval()
        row = {"eta": self.eta, "low": ci.low, "high": ci.high, "reading_sd": self.reading_sd}
        return pd.DataFrame([row])

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        found = super().to_dict() | {"eta": self.eta, "interval": jsonable(self.interval())}
        return found | {"fit": self.fit.to_dict()}

    def summary(self) -> str:
        """Report as text."""
        return (
            f"{self.fit.summary()}\n  read from figures: adds sd {self.reading_sd:.2g} nats; "
            f"eta {self.eta:.4f} 95% {self.interval()}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the fit, as if the figures had been read without error."""
        return self.fit.plot(ax)


@dataclass(frozen=True, eq=False, repr=False)
class JoinedCurves(Result):
    """Records of a report's figures; made by :func:`join_curves`.

    Attributes
    ----------
    records : Records
        One for each reading of a score at tokens that the loss curve spans.
    outside : DataFrame
        Readings beyond the loss curve, which are not used: series, tokens, value.
    reading_error : float
        Standard deviation of a reading, as a share of its axis.
    warnings : tuple of str
    """

    records: Records = field(repr=False)
    outside: pd.DataFrame = field(repr=False)
    reading_error: float
    warnings: tuple[str, ...]
    _loss: ReadFigure = field(repr=False)
    _score: ReadFigure = field(repr=False)
    _join: Any = field(repr=False)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        return f"{self.records!r}, read off with an error of {self.reading_error:.1%} of the axes"

    def to_frame(self) -> pd.DataFrame:
        """Copy of the table of records."""
        return self.records.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Records and readings that are not used, in types that survive JSON."""
        tables = {"records": self.to_frame(), "outside": self.outside}
        rows = {name: jsonable(table.to_dict("records")) for name, table in tables.items()}
        found = {"reason": self.reason, "warnings": list(self.warnings)}
        return found | {"reading_error": self.reading_error} | rows

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scores against the losses at the same tokens."""
        from emergence.figures.scores import plot_points  # matplotlib only when drawing

        return plot_points(self.records.select(), ax)

    def fit_threshold(
        self, *, n_readings: int = _READINGS, rng: Seed = 0, **options: Any
    ) -> ReadThreshold:
        """Fit the threshold, and ask how far another reading of the figures would move it.

        The error of reading a single score is part of the scatter about the curve.  What is not,
        the ends of the axes and the loss curve, is read again ``n_readings`` times, with errors of
        the same size, and the threshold of the same shape fitted anew.

        Parameters
        ----------
        n_readings : int
            Times that the figures are read again, at least 20.
        rng : int, SeedSequence or Generator
            Same seed, same bits.
        **options
            Other arguments of :func:`fit_threshold`.

        Raises
        ------
        DataError
            For fewer readings, or where no other reading can be fitted.
        """
        if n_readings < 20:
            raise DataError(f"n_readings is {n_readings}; at least 20 tell how far eta moves")
        seed = as_seed(rng)
        fit = fit_threshold(self.records.select(), rng=seed, **options)
        g = child(seed, Stream.READINGS)
        # One curve for all runs: another reading moves it as it moves the mean of theirs.
        options |= {"shape": fit.shape, "n_boot": 99, "runs": fit.core.problem.run_model.name}
        etas = []
        for _ in range(n_readings):
            loss = self._loss.again(self.reading_error, g, points=True)
            score = self._score.again(self.reading_error, g, points=False)
            again = fit_threshold(
                self._join(loss, score, slack=np.inf)[0].select(), rng=seed, **options
            )
            if again.status is not Status.NO_ONSET:
                etas.append(again.eta)
        if len(etas) < n_readings // 2:
            raise DataError(
                f"{fit.points.label}: only {len(etas)} of {n_readings} other readings show an "
                "onset: too coarse for this threshold"
            )
        draws = np.array(etas)
        return ReadThreshold(fit, float(draws.std(ddof=1)), draws)
