"""Pool: every curve there is, with and without a threshold, on one problem.

Each family has its floor at chance and fitted, and each curve of the grid knows its foot
(:mod:`emergence.curves.foot`) over the losses of the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.curves.catalogue import POOLED
from emergence.curves.family import Family
from emergence.curves.foot import Foot, feet
from emergence.engine.contest import crossed
from emergence.engine.grid import Block, gains, grid_rss, make_blocks
from emergence.engine.problem import Problem

_ETAS = 80
# Chance is known: a floor elsewhere has odds of one in seven, e^(-4 / 2).  These have none at all.
_FLOOR, _NO_FLOOR = 4.0, ("linear", "exponential", "power_law")
# Curves that are worse than the best by this much BIC, whatever their parameters, play no part.
HOPELESS = 60.0


@dataclass(frozen=True, eq=False)
class FamilyCurves:
    """One family, its floor at chance or fitted, at many parameter sets."""

    block: Block
    foot: Foot

    @property
    def key(self) -> tuple[str, bool]:
        """Name of the family, and whether the floor is fitted."""
        return self.block.family.name, self.block.level is not None

    @property
    def handicap(self) -> float:
        """BIC that it pays beyond its parameters."""
        fitted = self.key[1] and self.block.family.name not in _NO_FLOOR
        return self.block.family.handicap + fitted * _FLOOR

    def measured(self, of: Callable[[FamilyCurves], FloatArray]) -> FloatArray:
        """Return a property of every curve, remembered."""
        if of not in self._known:
            self._known[of] = of(self)
        return self._known[of]

    @cached_property
    def _known(self) -> dict[Callable[[FamilyCurves], FloatArray], FloatArray]:
        return {}

    def where(self, keep: BoolArray) -> FamilyCurves:
        """Return some of the curves."""
        return FamilyCurves(self.block.where(keep), Foot(*(column[keep] for column in self.foot)))


@dataclass(frozen=True, eq=False)
class Pool:
    """All curves on one problem."""

    problem: Problem
    curves: tuple[FamilyCurves, ...]

    def made(self, family: Family, theta: FloatArray, free: bool) -> FamilyCurves:
        """Curves of one family at the rows of ``theta``."""
        low, high = float(self.problem.x[0]), float(self.problem.x[-1])
        return FamilyCurves(self.block(family, theta, free), feet(family, theta, low, high))

    def block(self, family: Family, theta: FloatArray, free: bool) -> Block:
        """Make the curves of one family without their feet."""
        p = self.problem
        return make_blocks(family, theta, family.basis(p.x, theta), p, (free,))[0]

    def with_curves(self, more: list[FamilyCurves]) -> Pool:
        """Return the pool with more curves of its families."""
        out = []
        for own in self.curves:
            mine = [own, *(c for c in more if c.key == own.key)]
            if len(mine) > 1:
                block = replace(
                    own.block,
                    theta=np.concatenate([c.block.theta for c in mine]),
                    rows=np.concatenate([c.block.rows for c in mine]),
                )
                columns = (
                    np.concatenate(parts) for parts in zip(*(c.foot for c in mine), strict=True)
                )
                own = FamilyCurves(block, Foot(*columns))
            out.append(own)
        return replace(self, curves=tuple(out))

    def kept(self, keep: Sequence[BoolArray]) -> Pool:
        """Return the pool with some of the curves of each family, and without families of none."""
        pairs = zip(self.curves, keep, strict=True)
        return replace(self, curves=tuple(c.where(k) for c, k in pairs if k.any()))

    @cached_property
    def misses(self) -> dict[tuple[str, bool], FloatArray]:
        """Residual sums of squares of the data for the curves of each family."""
        data = self.problem.wy[:, None]
        return {c.key: grid_rss(c.block, data, gains(c.block, data))[:, 0] for c in self.curves}

    @cached_property
    def _families(self) -> dict[tuple[str, bool], FamilyCurves]:
        return {c.key: c for c in self.curves}

    def of(self, key: tuple[str, bool]) -> FamilyCurves:
        """Return the curves of one family."""
        return self._families[key]

    def bounds(self, family: Family) -> tuple[FloatArray, FloatArray]:
        """Bounds of the parameters of a family."""
        edge = self.problem.etas(_ETAS)[[0, -1]]
        if family.side == "smooth":
            return np.array(family.lower), np.array(family.upper)
        return np.array([edge[0], *family.lower]), np.array([edge[1], *family.upper])


def possible(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """Pools without the curves that the data rule out by far, but for places to search from."""
    rss = [list(pool.misses.values()) for pool in pools]
    least = [min(float(r.min()) for r in own) for own in rss]
    n, total = sum(pool.problem.n for pool in pools), sum(least)
    return tuple(
        pool.kept(
            [
                (n * np.log1p((r - best) / total) < HOPELESS) | _starts(c.foot, r)
                for c, r in zip(pool.curves, own, strict=True)
            ]
        )
        for pool, own, best in zip(pools, rss, least, strict=True)
    )


def _starts(foot: Foot, rss: FloatArray) -> BoolArray:
    """Best curve of a family at each onset and each rho: where a search may begin."""
    # Between the points of a grid precise data may find a curve that is far better than them.
    out, order = np.zeros(rss.size, dtype=bool), np.argsort(rss, kind="stable")
    with np.errstate(divide="ignore"):
        steps = (2.0 * np.log2(foot.rho), 50.0 * foot.onset)
    for step in steps:
        places = np.floor(np.clip(np.nan_to_num(step, nan=-99.0), -99.0, 99.0))[order]
        out[order[np.unique(places, return_index=True)[1]]] = True
    return out


def make_pool(problem: Problem) -> Pool:
    """Every family on its grid, with its floor at chance and fitted."""
    problem = problem.condensed
    etas = problem.etas(_ETAS)
    low, high = float(problem.x[0]), float(problem.x[-1])
    out = []
    for family in (f.on(problem.scale) for f in POOLED):
        onset = family.side == "threshold"
        theta = crossed(family, etas) if onset else family.grid
        foot = feet(family, theta, low, high)
        basis, levels = family.basis(problem.x, theta), (False, True) if onset else (False,)
        blocks = make_blocks(family, theta, basis, problem, levels)
        out += [FamilyCurves(block, foot) for block in blocks]
    return Pool(problem, tuple(out))
