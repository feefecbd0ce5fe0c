"""Pool: every curve of every family that may be true, and what each is like.

A curve on the grid knows its foot (:mod:`emergence.curves.foot`) over the losses of the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from emergence._typing import BoolArray, FloatArray, IntArray
from emergence.curves.catalogue import POOLED
from emergence.curves.family import Family
from emergence.curves.foot import Foot, feet
from emergence.engine.contest import crossed
from emergence.engine.grid import Shapes, Stack, explained_by, make_stack, residual_ss, stacked
from emergence.engine.polish import cell
from emergence.engine.problem import Problem

_ETAS = 80
# Chance is known: a floor elsewhere has odds of one in seven, e^(-4 / 2).  These have none at all.
_FLOOR, _NO_FLOOR = 4.0, ("linear", "exponential", "power_law")
# Curves that are worse than the best by this much BIC, whatever their parameters, play no part.
HOPELESS = 60.0


@dataclass(frozen=True, eq=False)
class CurveSet:
    """Curves, the floor of each at chance or fitted, with their feet.

    ``misses`` is the residual sum of squares of the data for each.
    """

    stack: Stack
    foot: Foot
    misses: FloatArray

    def measured(self, of: Callable[[CurveSet], FloatArray]) -> FloatArray:
        """Return a property of every curve, remembered."""
        if of not in self._known:
            self._known[of] = of(self)
        return self._known[of]

    @cached_property
    def _known(self) -> dict[Callable[[CurveSet], FloatArray], FloatArray]:
        return {}

    @property
    def from_chance(self) -> BoolArray:
        """Whether each curve is an onset with its floor at chance."""
        onset = np.array([f.side == "threshold" for f in self.stack.families])
        return np.asarray((onset & ~self.stack.free)[self.stack.of])

    def where(self, keep: BoolArray | IntArray) -> CurveSet:
        """Return some of the curves."""
        foot = Foot(*(column[keep] for column in self.foot))
        return CurveSet(self.stack.where(keep), foot, self.misses[keep])


def joined(sets: Sequence[CurveSet]) -> CurveSet:
    """Curves of several sets, of the same families in one order."""
    if len(sets) == 1:
        return sets[0]
    of, theta, rows = (
        np.concatenate([getattr(s.stack, name) for s in sets]) for name in ("of", "theta", "rows")
    )
    foot = Foot(*map(np.concatenate, zip(*(s.foot for s in sets), strict=True)))
    stack = replace(sets[0].stack, of=of, theta=theta, rows=rows)
    return CurveSet(stack, foot, np.concatenate([s.misses for s in sets]))


@dataclass(frozen=True, eq=False)
class Pool:
    """All curves on one problem; pools of several problems have the same families in one order.

    The first of the ``sets`` is the grid, as far as the data allow it; a second, small one holds
    what was seen between its points.
    """

    problem: Problem
    sets: tuple[CurveSet, ...]

    @property
    def families(self) -> tuple[Family, ...]:
        """Families of the curves, each twice where its floor is at chance or fitted."""
        return self.sets[0].stack.families

    @property
    def free(self) -> BoolArray:
        """Whether a constant is fitted with each family."""
        return self.sets[0].stack.free

    @property
    def n_params(self) -> IntArray:
        """Parameters of each family."""
        return self.sets[0].stack.n_params

    @cached_property
    def handicaps(self) -> FloatArray:
        """BIC that each family pays beyond its parameters."""
        floor = [f.name not in _NO_FLOOR for f in self.families]
        own = np.array([f.handicap for f in self.families])
        return np.asarray(own + _FLOOR * (self.free & floor))

    @property
    def least(self) -> float:
        """Least residual sum of squares."""
        return min(float(s.misses.min()) for s in self.sets)

    def footed(self, which: int, theta: FloatArray, misses: FloatArray, *, rows: bool) -> CurveSet:
        """Curves of one family at the rows of ``theta``; without unit rows unless asked for."""
        low, high = float(self.problem.x[0]), float(self.problem.x[-1])
        family, size = self.families[which], theta.shape[0]
        padded = np.full((size, self.sets[0].stack.theta.shape[1]), np.nan)
        padded[:, : theta.shape[1]] = theta
        unit = np.empty((size, 0))
        if rows:
            shapes = Shapes(family, theta, bool(self.free[which]))
            unit = make_stack(self.problem, [shapes]).rows
        stack = replace(self.sets[0].stack, of=np.full(size, which), theta=padded, rows=unit)
        return CurveSet(stack, feet(family, theta, low, high), misses)

    def of(
        self, which: int, allowed: Callable[[CurveSet], BoolArray]
    ) -> tuple[FloatArray, FloatArray]:
        """Parameters of the curves of one family, and what each misses: all, if not allowed."""
        theta, misses = [], []
        for curves in self.sets:
            rows = curves.stack.rows_of(which)
            theta.append(curves.stack.parameters(rows, which))
            misses.append(np.where(allowed(curves)[rows], curves.misses[rows], np.inf))
        return np.concatenate(theta), np.concatenate(misses)

    def steps(self, which: int, theta: FloatArray) -> FloatArray:
        """How far the points of a family's grid lie from each other around its parameters."""
        # Of the whole grid: what the data leave of it has gaps.
        family = self.families[which]
        if family.side == "smooth":
            return cell(family.grid, theta)
        etas = self.problem.etas(_ETAS)[:, None]
        return np.concatenate([cell(etas, theta[:1]), cell(family.grid, theta[1:])])

    def with_curves(self, more: Sequence[CurveSet]) -> Pool:
        """Return the pool with more curves of its families."""
        if not more:
            return self
        first, *rest = self.sets
        return replace(self, sets=(first, joined([*rest, *more])))

    def kept(self, keep: Sequence[BoolArray]) -> Pool:
        """Return the pool with some of the curves of each set, as one set."""
        return replace(
            self, sets=(joined([s.where(k) for s, k in zip(self.sets, keep, strict=True)]),)
        )

    def bounds(self, family: Family) -> tuple[FloatArray, FloatArray]:
        """Bounds of the parameters of a family."""
        edge = self.problem.etas(_ETAS)[[0, -1]]
        if family.side == "smooth":
            return np.array(family.lower), np.array(family.upper)
        return np.array([edge[0], *family.lower]), np.array([edge[1], *family.upper])


def possible(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """Pools without the curves that the data rule out by far, but for places to search from."""
    n, least = sum(pool.problem.n for pool in pools), [pool.least for pool in pools]
    most = np.expm1(HOPELESS / n) * sum(least)
    return tuple(
        pool.kept([(s.misses - best < most) | _starts(s) for s in pool.sets])
        for pool, best in zip(pools, least, strict=True)
    )


def _starts(curves: CurveSet) -> BoolArray:
    """Best curve of a family at each onset and each rho: where a search may begin."""
    # Between the points of a grid precise data may find a curve that is far better than them.
    foot, of = curves.foot, curves.stack.of
    out, order = np.zeros(of.size, dtype=bool), np.argsort(curves.misses, kind="stable")
    with np.errstate(divide="ignore"):
        steps = (2.0 * np.log2(foot.rho), 50.0 * foot.onset)
    for step in steps:
        places = np.floor(np.clip(np.nan_to_num(step, nan=-99.0), -99.0, 99.0)) + 200.0 * of
        out[order[np.unique(places[order], return_index=True)[1]]] = True
    return out


def make_pools(problems: Sequence[Problem]) -> tuple[Pool, ...]:
    """Every family on its grid, with its floor at chance and fitted, as far as the data allow."""
    # Most of a grid is ruled out at a first look, and never written down.
    return tuple(
        map(_tabulated, possible([every_curve(problem.condensed) for problem in problems]))
    )


def every_curve(problem: Problem) -> Pool:
    """Every curve of the grids and how far it misses the data, without its unit row."""
    etas = problem.etas(_ETAS)
    low, high = float(problem.x[0]), float(problem.x[-1])
    total = float(problem.wy @ problem.wy)
    shapes, foot, misses, last = [], [], [], None
    for family in (f.on(problem.scale) for f in POOLED):
        onset = family.side == "threshold"
        # A smooth family and its twin with a floor of its own are the same curves.
        if last != (last := (family.basis, id(family.grid))):
            theta = crossed(family, etas) if onset else family.grid
            rows = problem.white(family.basis(problem.x, theta))
            there = feet(family, theta, low, high)
        for free in (False, True) if onset else (family.free_floor,):
            shapes.append(Shapes(family, theta, free))
            foot.append(there)
            level = float(problem.level @ problem.wy) ** 2 if free else 0.0
            misses.append(residual_ss(total, level + explained_by(rows, problem, free=free)))
    stack = stacked(problem, shapes)
    columns = map(np.concatenate, zip(*foot, strict=True))
    return Pool(problem, (CurveSet(stack, Foot(*columns), np.concatenate(misses)),))


def _tabulated(pool: Pool) -> Pool:
    """Pool with the unit rows of its curves."""
    (curves,) = pool.sets
    shapes = [
        Shapes(family, curves.stack.parameters(curves.stack.rows_of(i), i), bool(pool.free[i]))
        for i, family in enumerate(pool.families)
    ]
    made = replace(curves.stack, rows=make_stack(pool.problem, shapes).rows)
    return replace(pool, sets=(replace(curves, stack=made),))
