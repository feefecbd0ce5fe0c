"""Problem: points in the canonical form that every fit works on.

Sorted, losses on [0, 1] with 0 the lowest, ability with chance at 0, rows scaled by the
square root of their precision.  The order of the input and the unit of the loss are gone
here, so no result can depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import BoolArray, FloatArray, IntArray
from emergence.noise import Precision, precision
from emergence.points import Points


@dataclass(frozen=True, eq=False)
class Problem:
    """Canonical least-squares problem; see the module text.

    ``x = (loss - low) / span`` ascending; ``y`` ability; ``root_w`` square root of the
    weights (mean weight 1); ``wy = root_w * y``; ``run`` codes 0, 1, ... or None;
    ``rank`` the position of each row inside its run in the order of tokens.
    """

    points: Points
    x: FloatArray
    y: FloatArray
    root_w: FloatArray
    run: IntArray | None
    rank: IntArray
    low: float
    span: float
    precision: Precision

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.x.size)

    @property
    def wy(self) -> FloatArray:
        """Ability times the square root of the weight."""
        return self.root_w * self.y

    def to_x(self, loss: ArrayLike) -> FloatArray:
        """Losses to the canonical axis."""
        return (np.asarray(loss, dtype=float) - self.low) / self.span

    def to_loss(self, x: float) -> float:
        """A place on the canonical axis back to a loss."""
        return self.low + self.span * x

    def to_value(self, ability: FloatArray) -> FloatArray:
        """Ability back to the metric's own units."""
        return self.points.chance + (self.points.best - self.points.chance) * ability


def make_problem(points: Points) -> Problem:
    """Sort and scale checked points."""
    order = _canonical_order(points)
    points = points.where(order)
    low, high = float(points.loss[0]), float(points.loss[-1])
    span = high - low
    how = precision(points)
    weights = how.weights / how.weights.mean()
    run = None
    rank = np.zeros(points.size, dtype=np.int64)
    if points.run is not None and points.n_runs < points.size:
        run = np.unique(points.run.astype(str), return_inverse=True)[1].astype(np.int64)
        rank = _rank_in_run(points, run)
    return Problem(
        points=points,
        x=(points.loss - low) / span,
        y=points.ability,
        root_w=np.sqrt(weights),
        run=run,
        rank=rank,
        low=low,
        span=span,
        precision=how,
    )


def subset(problem: Problem, keep: BoolArray) -> Problem:
    """Problem with some of its points, on the same axis."""
    return replace(
        problem,
        points=problem.points.where(keep),
        x=problem.x[keep],
        y=problem.y[keep],
        root_w=problem.root_w[keep],
        run=None if problem.run is None else problem.run[keep],
        rank=problem.rank[keep],
    )


def _canonical_order(points: Points) -> IntArray:
    """Order by loss, ties broken by everything else that could matter."""
    keys: list[np.ndarray] = []
    for name in ("params", "tokens", "run", "weights", "n_items", "value", "loss"):
        column = getattr(points, name)
        if column is not None:
            keys.append(column.astype(str) if name == "run" else column)
    return np.lexsort(keys)


def _rank_in_run(points: Points, run: IntArray) -> IntArray:
    """Position of each checkpoint inside its run, by tokens, else from high loss to low."""
    clock = points.tokens if points.tokens is not None else -points.loss
    order = np.lexsort((clock, run))
    rank = np.empty(points.size, dtype=np.int64)
    sorted_run = run[order]
    start = np.flatnonzero(np.append(True, sorted_run[1:] != sorted_run[:-1]))
    length = np.diff(np.append(start, points.size))
    rank[order] = np.arange(points.size) - np.repeat(start, length)
    return rank
