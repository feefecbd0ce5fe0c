"""Points: what one fit sees, the scores of one task under one metric."""

from dataclasses import dataclass, replace
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import AnyArray, BoolArray, Columns, FloatArray, IntArray
from emergence.errors import DataError

# A threshold is not fitted to fewer points.
LEAST_POINTS = 8
# The grids of a fit take about 130 kB a point.
MOST_POINTS = 20_000
# Of one parameter in training: forward and backward (Kaplan et al. 2020).
FLOPS_PER_TOKEN = 6.0
_ARRAYS = ("loss", "value", "n_items", "run", "tokens", "params", "weights")


@dataclass(frozen=True, eq=False)
class Points:
    """Scores of one task under one metric, one entry per checkpoint.

    Attributes
    ----------
    loss : (n,) array
        Pre-training loss, nats per token.
    value : (n,) array
        Score in the metric's own units.
    chance, best : float
        Score of uniform guessing and of a perfect model.
    n_items : (n,) array or None
        Number of items behind each score; with ``counted`` they make the scores counts.
    run : (n,) array or None
        Which training run each checkpoint belongs to.
    tokens, params : (n,) array or None
        Training tokens seen, and model size.
    weights : (n,) array or None
        Relative precision given by the user; overrides what n_items implies.
    counted : bool
        Whether ``value * n_items`` is a number of items right.
    task, metric, family : str
        Names, for display.
    """

    loss: FloatArray
    value: FloatArray
    chance: float = 0.0
    best: float = 1.0
    n_items: FloatArray | None = None
    run: AnyArray | None = None
    tokens: FloatArray | None = None
    params: FloatArray | None = None
    weights: FloatArray | None = None
    counted: bool = False
    task: str = ""
    metric: str = ""
    family: str = ""

    @property
    def size(self) -> int:
        """Number of checkpoints."""
        return int(self.loss.size)

    @property
    def ability(self) -> FloatArray:
        """Scores with chance at 0 and the best value at 1."""
        return normalise(self.value, self.chance, self.best)

    @property
    def compute(self) -> FloatArray | None:
        """Training compute C = 6 N D, FLOP (Kaplan et al. 2020); None without params or tokens."""
        if self.params is None or self.tokens is None:
            return None
        return FLOPS_PER_TOKEN * self.params * self.tokens

    def to_value(self, ability: FloatArray) -> FloatArray:
        """Abilities back to the metric's own units."""
        return self.chance + (self.best - self.chance) * ability

    @property
    def label(self) -> str:
        """Task and metric, for titles."""
        return " ".join(part for part in (self.task, self.metric) if part) or "points"

    @property
    def n_runs(self) -> int:
        """Number of runs; every checkpoint its own where runs are not given."""
        return self.size if self.run is None else int(np.unique(self.run).size)

    def facts(self) -> dict[str, object]:
        """What the points are, without the points."""
        return {
            "task": self.task,
            "metric": self.metric,
            "n": self.size,
            "n_runs": self.n_runs,
            "loss": [self.loss.min(), self.loss.max()],
            "chance": self.chance,
            "best": self.best,
        }

    def where(self, keep: BoolArray | IntArray) -> Self:
        """Return the points for which ``keep`` is true, or at these positions."""
        changes = {
            name: column[keep] for name in _ARRAYS if (column := getattr(self, name)) is not None
        }
        return replace(self, **changes)


def normalise(value: ArrayLike, chance: float, best: float = 1.0) -> FloatArray:
    r"""Put scores on the scale where chance is 0 and the best value is 1.

    .. math:: \frac{\text{value} - \text{chance}}{\text{best} - \text{chance}}

    DataError if ``chance`` equals ``best``.

    Examples
    --------
    >>> normalise([0.25, 0.625, 1.0], chance=0.25)
    array([0. , 0.5, 1. ])
    >>> normalise([1.5, 0.75, 0.0], chance=0.75, best=0.0)
    array([-1.,  0.,  1.])
    """
    if best == chance:
        raise DataError(f"best ({best}) must differ from chance ({chance})")
    # Adding 0 turns -0 into 0.
    return (np.asarray(value, dtype=float) - chance) / (best - chance) + 0.0


def as_points(
    points: Points | ArrayLike, value: ArrayLike | None = None, **columns: Unpack[Columns]
) -> Points:
    """Make checked Points of arrays, or check Points that came from records.

    Parameters
    ----------
    points : Points or (n,) array_like
        Points, or the losses (nats per token, positive).
    value : (n,) array_like, optional
        Scores; needed with losses, refused with Points.
    **columns
        ``chance`` and ``best`` (default 0 and 1), ``n_items``, ``run``, ``tokens``, ``params``,
        ``weights``: see :class:`Points`.  With Points they override.

    Raises
    ------
    DataError
        For lengths that differ, fewer than four points, numbers that are not finite,
        losses or weights that are not positive, or n_items below 1.

    Examples
    --------
    >>> as_points([3.0, 2.5, 2.0, 1.5], [0.25, 0.24, 0.3, 0.5], chance=0.25).size
    4
    """
    unknown = sorted(set(columns) - Columns.__annotations__.keys())
    if unknown:
        known = ", ".join(Columns.__annotations__)
        raise TypeError(f"no argument {', '.join(unknown)}; columns of points are {known}")
    given: dict[str, Any] = {k: column for k, column in columns.items() if column is not None}
    if isinstance(points, Points):
        if value is not None:
            raise DataError("give either Points or the two arrays loss and value, not both")
        base = points
    else:
        if value is None:
            raise DataError("give the scores: fit(loss, value, chance=...)")
        loss, scores = _column("loss", points, 0), _column("value", value, 0)
        base = Points(loss=loss, value=scores)
    changes: dict[str, Any] = {
        name: float(column) if name in ("chance", "best") else _column(name, column, base.size)
        for name, column in given.items()
    }
    made = replace(base, **changes)
    _check(made)
    if not isinstance(points, Points) and "n_items" in given:
        made = replace(made, counted=_are_counts(made))
    return made


def _are_counts(points: Points) -> bool:
    """Whether the scores can be shares of items right: in [0, 1], whole, better when higher."""
    assert points.n_items is not None
    right = points.value * points.n_items
    whole = np.abs(right - np.round(right)) <= 0.02 + 1e-7 * points.n_items
    inside = (points.value >= 0) & (points.value <= 1)
    return bool((whole & inside).all() and points.chance < points.best)


def _column(name: str, column: ArrayLike, size: int) -> AnyArray:
    try:
        array = np.array(column).astype(str) if name == "run" else np.array(column, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} holds something that is no number: {error}") from error
    return np.broadcast_to(array, (size,)).copy() if array.ndim == 0 else array


def _check(points: Points) -> None:
    columns = {name: getattr(points, name) for name in _ARRAYS}
    for name, column in columns.items():
        if column is None:
            continue
        if column.shape != points.loss.shape or column.ndim != 1:
            raise DataError(
                f"{name} has shape {column.shape}, loss has {points.loss.shape}; "
                "give one-dimensional arrays of one length"
            )
        if name != "run" and not np.isfinite(column).all():
            i = int(np.flatnonzero(~np.isfinite(column))[0])
            raise DataError(f"{name}[{i}] is {column[i]}; remove or repair that checkpoint")
    for name, number in (("chance", points.chance), ("best", points.best)):
        if not np.isfinite(number):
            raise DataError(f"{name} is {number}; it must be a finite number")
    for name, least in (("loss", 0.0), ("weights", 0.0), ("n_items", 1.0)):
        column = columns[name]
        if column is None:
            continue
        bad = column < least if name == "n_items" else column <= least
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            rule = "at least 1" if name == "n_items" else "positive"
            raise DataError(f"{name}[{i}] is {column[i]:g}; it must be {rule}")
    if points.size < 4:
        raise DataError(f"{points.label}: {points.size} points; a fit needs at least 4")
    if np.unique(points.loss).size < 3:
        raise DataError(f"{points.label}: fewer than 3 different losses; there is no curve to fit")
    if points.best == points.chance:
        raise DataError(f"best ({points.best}) must differ from chance ({points.chance})")
