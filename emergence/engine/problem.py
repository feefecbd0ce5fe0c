"""Problem: points in the canonical form that every fit works on.

Sorted, losses on [0, 1] with 0 the lowest, ability with chance at 0, rows scaled by the
square root of their precision and, where checkpoints share runs, whitened.  The order of the
input and the unit of the loss are gone here, so no result can depend on them.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import BoolArray, FloatArray, IntArray, Noise, Runs
from emergence.curves.family import Scale
from emergence.engine.bins import (
    MANY,
    Bins,
    Sums,
    grouped,
    make_bins,
    sum_independent,
    sum_whitened,
)
from emergence.errors import DataError
from emergence.noise.run_model import RunModel, run_model
from emergence.noise.runs import RunNoise, Whitening
from emergence.noise.scores import Precision, precision
from emergence.records.points import LEAST_POINTS, MOST_IN_RUNS, MOST_POINTS, Points

# A run of at least so many checkpoints may show a curve of its own.
MAY_SHOW = LEAST_POINTS
# Runs that may show curves show the task where they span so much of all its losses.
_SHOWN = 0.8


@dataclass(frozen=True, eq=False)
class Problem:
    """Canonical least-squares problem; see the module text.

    ``x = (loss - low) / span`` ascending; ``y`` ability; ``root_w`` square root of the
    weights (mean weight 1); ``run`` codes 0, 1, ..., or None where checkpoints are
    independent; ``rank`` the position of each row inside its run in the order of tokens.
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
    run_model: RunModel

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.x.size)

    @property
    def scale(self) -> Scale:
        """Where the canonical axis lies."""
        return Scale(self.low, self.span)

    @property
    def whole(self) -> "Problem":
        """The problem of single points."""
        return self

    @cached_property
    def condensed(self) -> "Problem":
        """The problem that fits work on: of sums over bins of losses where points are many."""
        return self if self.n <= MANY else _condense(self)

    @cached_property
    def _etas(self) -> dict[int, FloatArray]:
        return {}

    def etas(self, most: int = 160) -> FloatArray:
        """Candidate thresholds: middles of the gaps between losses, and the losses."""
        if most not in self._etas:
            self._etas[most] = self._made_etas(most)
        return self._etas[most]

    def _made_etas(self, most: int) -> FloatArray:
        # At least three points lie below each.  Where that makes more than ``most``, quantiles of
        # them and an even grid take turns, so that neither crowds nor gaps lose resolution.
        u = np.unique(self.x)
        etas = np.sort(np.concatenate([u[1:], 0.5 * (u[1:] + u[:-1])]))
        etas = etas[etas > self.x[min(2, self.n - 2)]]
        if etas.size > most:
            spread = etas[np.linspace(0, etas.size - 1, most - most // 4).round().astype(int)]
            even = np.linspace(etas[0], etas[-1], most // 4)
            etas = np.unique(np.concatenate([spread, even]))
        return etas

    @property
    def log_det(self) -> float:
        """Logarithm of the determinant of the covariance of the weighted errors, up to a factor."""
        return 0.0 if self._whitening is None else self._whitening.log_det

    @cached_property
    def _whitening(self) -> Whitening | None:
        if self.run is None or self.run_model.noise is None:
            return None
        return self.run_model.noise.whitening(self.run, self.rank, self.root_w)

    def white(self, rows: FloatArray) -> FloatArray:
        """Rows (m, n) of abilities to rows whose errors are independent, of one variance."""
        scaled = rows * self.root_w
        return scaled if self._whitening is None else self._whitening(scaled)

    def white_part(self, rows: FloatArray, keep: IntArray) -> FloatArray:
        """Whiten rows of the points of some whole runs."""
        return subset(self, keep).white(rows)

    @cached_property
    def wy(self) -> FloatArray:
        """The abilities, whitened."""
        return self.white(self.y[None])[0]

    @cached_property
    def ones(self) -> FloatArray:
        """A constant of one, whitened."""
        return self.white(np.ones((1, self.x.size)))[0]

    @cached_property
    def level(self) -> FloatArray:
        """Unit row of a fitted constant."""
        return self.ones / np.sqrt(self.ones @ self.ones)

    def error_scale(self, ability: FloatArray) -> FloatArray:
        """Standard deviation of each weighted error were ``ability`` the truth, up to a factor."""
        # Not constant where scores are counts: right at zero out of m, say, there is none.
        if self.precision.unit is None or self.points.n_items is None:
            return np.ones(self.n)
        share = self.points.to_value(np.clip(ability, 0.0, 1.0))
        rho = self.precision.intraclass or 0.0
        variance = share * (1.0 - share) * ((1.0 - rho) / self.points.n_items + rho)
        scale: FloatArray = np.sqrt(np.maximum(variance, 0.0)) * self.root_w
        return scale / max(float(scale.max()), 1e-300)

    def to_x(self, loss: ArrayLike) -> FloatArray:
        """Losses to the canonical axis."""
        return (np.asarray(loss, dtype=float) - self.low) / self.span

    def to_loss(self, x: float) -> float:
        """A place on the canonical axis back to a loss."""
        return self.low + self.span * x

    def to_value(self, ability: FloatArray) -> FloatArray:
        """Ability back to the metric's own units."""
        return self.points.to_value(ability)


@dataclass(frozen=True, eq=False)
class Condensed(Problem):
    """Problem of sums over bins (:mod:`emergence.engine.bins`).

    ``x`` are the nodes of the bins, ``y`` the abilities there; whitened rows have one entry more,
    for what points differ by inside their bins.  ``n`` is the number of points still.
    """

    single: Problem
    bins: Bins
    sums: Sums

    @property
    def whole(self) -> Problem:
        """The problem of single points."""
        return self.single

    @property
    def condensed(self) -> Problem:
        """The problem itself."""
        return self

    @property
    def n(self) -> int:
        """Number of points."""
        return self.single.n

    def _made_etas(self, most: int) -> FloatArray:
        return self.single.etas(most)

    @property
    def log_det(self) -> float:
        """See :class:`Problem`."""
        return self.single.log_det

    def white(self, rows: FloatArray) -> FloatArray:
        """Rows (m, nodes) of abilities to rows (m, nodes + 1) of independent errors."""
        return self.sums.white(rows)

    @cached_property
    def wy(self) -> FloatArray:
        """The abilities, whitened."""
        return self.sums.data

    def error_scale(self, ability: FloatArray) -> FloatArray:
        """See :class:`Problem`; of the sums, then of the rest."""
        square = np.square(self.single.error_scale(self.bins.at_points(ability)))
        scale = np.sqrt(np.append(self.bins.mean(square), square.mean()))
        return np.asarray(scale / max(float(scale.max()), 1e-300))


def _condense(problem: Problem) -> Condensed:
    """Sum the points of a problem up."""
    bins = make_bins(problem.x, problem.y)
    if problem.run is None or problem.run_model.noise is None:
        sums = sum_independent(bins, problem.root_w**2, problem.y)
    else:
        groups = grouped(problem.run, bins.places.size)
        # A group is whitened as it stands in the whole, run by run.
        sums = sum_whitened(bins, groups, problem.white_part, problem.y)
    own = {f.name: getattr(problem, f.name) for f in fields(Problem)}
    own |= {"x": bins.places, "y": bins.mean(problem.y), "root_w": bins.mean(problem.root_w)}
    own |= {"run": None, "rank": np.zeros(bins.places.size, dtype=np.int64)}
    return Condensed(**own, single=problem, bins=bins, sums=sums)


def make_problem(points: Points, noise: Noise = "auto", runs: Runs = "auto") -> Problem:
    """Sort and scale checked points; DataError for noise or runs that they cannot have."""
    order = canonical_order(points)
    points = points.where(order)
    low, high = float(points.loss[0]), float(points.loss[-1])
    how = precision(points, noise)
    model = run_model(points, runs)
    run = None
    rank = np.zeros(points.size, dtype=np.int64)
    if model.name != "independent":
        run = np.unique(np.asarray(points.run).astype(str), return_inverse=True)[1].astype(np.int64)
        rank = _rank_in_run(points, run)
    return Problem(
        points=points,
        x=(points.loss - low) / (high - low),
        y=points.ability,
        root_w=np.sqrt(how.weights / how.weights.mean()),
        run=run,
        rank=rank,
        low=low,
        span=high - low,
        precision=how,
        run_model=model,
    )


def check_size(problem: Problem, what: str) -> None:
    """Raise DataError for fewer or more points than a fit takes, or losses that are all but one."""
    label, n = problem.points.label, problem.n
    if n < LEAST_POINTS:
        raise DataError(f"{label}: {n} points; {what} needs at least {LEAST_POINTS}")
    most = MOST_POINTS if problem.run is None else MOST_IN_RUNS
    if n > most:
        raise DataError(
            f"{label}: {n} points; more than {most:,} take too much memory: thin the checkpoints"
        )
    if problem.etas().size < 2:
        raise DataError(f"{label}: nearly all points share one loss; no threshold can be placed")


def long_runs(problem: Problem) -> Problem | None:
    """Those runs that may show a curve of their own; None where they do not show the task."""
    if problem.run is None:
        return None
    distinct = np.unique(np.stack([problem.run, problem.x]), axis=1)[0].astype(np.int64)
    long = np.bincount(distinct) >= MAY_SHOW
    if long.sum() < 2:
        return None
    if long[problem.run].all():
        return problem
    kept = subset(problem, long[problem.run])
    # A few runs that were followed may see a part of what the final checkpoints of many show.
    if np.ptp(kept.x) < _SHOWN:
        return None
    assert kept.run is not None
    # Numbered anew: run r is the part r of what is fitted to them.
    return replace(kept, run=np.unique(kept.run, return_inverse=True)[1].astype(np.int64))


def with_run_noise(problem: Problem, noise: RunNoise) -> Problem:
    """Same problem, whitened by a covariance of runs."""
    return replace(problem, run_model=replace(problem.run_model, noise=noise))


def subset(problem: Problem, keep: BoolArray | IntArray) -> Problem:
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


def canonical_order(points: Points) -> IntArray:
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
