"""Interval: the one kind of interval that every result gives, and curves with a band."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from emergence._typing import FloatArray
from emergence.errors import DataError

_PLACES = 300  # of a curve that is drawn


@dataclass(frozen=True)
class Interval:
    """An interval with its level, its method, and whether an end is open.

    An open end means that the data do not bound the quantity on that side: the number
    is then the edge of the data, not a limit.  The ends are numbers, or arrays for a quantity
    at several places.
    """

    low: float | Any
    high: float | Any
    level: float
    method: str
    open_low: bool = False
    open_high: bool = False

    def __str__(self) -> str:
        return format(self, ".4g")

    def __format__(self, spec: str) -> str:
        if np.ndim(self.low):
            pairs = zip(np.asarray(self.low), np.asarray(self.high), strict=True)
            return ", ".join(format(Interval(*ends, self.level, ""), spec) for ends in pairs)
        left = "(<" if self.open_low else "["
        right = "+)" if self.open_high else "]"
        return f"{left}{self.low:{spec or '.4g'}}, {self.high:{spec or '.4g'}}{right}"

    def __iter__(self) -> Iterator[Any]:
        return iter((self.low, self.high))

    def ends(self) -> dict[str, Any]:
        """Both ends as columns of a table: low, high, open_low, open_high."""
        return {k: getattr(self, k) for k in ("low", "high", "open_low", "open_high")}

    def __contains__(self, value: float) -> bool:
        above = self.open_low or value >= self.low
        return bool(above and (self.open_high or value <= self.high))


class Curve(NamedTuple):
    """Scores along the losses, as figures draw them; ``low`` and ``high`` where there is a band."""

    loss: FloatArray
    score: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    label: str | None = None


def even(loss: FloatArray) -> FloatArray:
    """Losses of a curve: evenly from the lowest to the highest."""
    return np.linspace(loss.min(), loss.max(), _PLACES)


def widened(interval: Interval, centre: float, sd: float) -> Interval:
    r"""Interval for a place on an axis whose values have errors of their own.

    Each half is longer in quadrature by z sd, z the normal quantile of the interval's level:

    .. math:: \sqrt{h^2 + (z\, s)^2}.
    """
    if sd <= 0:
        return interval
    reach = float(ndtri(0.5 + 0.5 * interval.level)) * sd
    low = centre - np.hypot(max(centre - interval.low, 0.0), reach)
    high = centre + np.hypot(max(interval.high - centre, 0.0), reach)
    return replace(interval, low=float(low), high=float(high))


def interval_of(low: float, high: float, level: float, method: str) -> Interval:
    """Interval whose ends are open where they are not finite."""
    open_low, open_high = not np.isfinite(low), not np.isfinite(high)
    return Interval(low, high, level, method, open_low=open_low, open_high=open_high)


def check_level(level: float, n_boot: int | None = None) -> None:
    """Raise DataError for a level out of range, or finer than the draws (if any) can show."""
    if not isinstance(level, Real) or not 0.5 <= level <= 0.999:
        raise DataError(f"level is {level!r}; it must be a number between 0.5 and 0.999")
    if n_boot is not None and (n_boot + 1) * (1.0 - level) < 1.0 - 1e-9:
        raise DataError(f"{n_boot} draws cannot show a level of {level}: raise n_boot")


def symmetric(estimate: float, draws: FloatArray, level: float) -> tuple[float, float]:
    """Symmetric bootstrap interval: the level quantile of |draw - estimate| on both sides."""
    half = float(np.quantile(np.abs(draws - estimate), level))
    return estimate - half, estimate + half


def percentile(draws: FloatArray, level: float) -> tuple[float, float]:
    """Equal-tailed percentiles of the draws."""
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)
