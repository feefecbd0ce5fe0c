"""Pool: every curve there is, with and without a threshold, on one problem.

Each family has its floor at chance and fitted, and each curve of the grid knows its foot
(:mod:`emergence.curves.foot`) over the losses of the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.curves.catalogue import POOLED
from emergence.curves.family import Family
from emergence.curves.foot import Foot, feet
from emergence.engine.contest import Candidate, cell, crossed, fitted
from emergence.engine.grid import Block, gains, grid_rss, make_block
from emergence.engine.problem import Problem

_ETAS = 80
# Chance is known: a floor elsewhere has odds of one in seven, e^(-4 / 2).  These have none at all.
_FLOOR, _NO_FLOOR = 4.0, ("linear", "exponential", "power_law")
# Curves that are worse than the best by this much BIC, whatever their parameters, play no part.
HOPELESS = 60.0
# What a search has seen is kept within so much BIC of what it found.
_KEPT = 15.0
# A search looks at so many places around its centre, so many times, and within half as far where
# it is not on its way.
_CLOUD, _ROUNDS = 48, 14


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
        return FamilyCurves(self._block(family, theta, free), feet(family, theta, low, high))

    def _block(self, family: Family, theta: FloatArray, free: bool) -> Block:
        p = self.problem
        return make_block(family, theta, family.basis(p.x, theta), p, fit_level=free)

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

    def of(self, key: tuple[str, bool]) -> FamilyCurves:
        """Return the curves of one family."""
        return next(c for c in self.curves if c.key == key)

    def polished(
        self, curves: FamilyCurves, allowed: Callable[[FamilyCurves], BoolArray]
    ) -> tuple[Candidate, FamilyCurves]:
        """Best curve of a family among those allowed, and the curves seen on the way to it.

        At least one of ``curves`` must be allowed.
        """
        p, family, free = self.problem, curves.block.family, curves.key[1]
        column = p.wy[:, None]
        ok = curves.where(allowed(curves))
        gain = gains(ok.block, column)[:, 0]
        centre, best = ok.block.theta[int(gain.argmax())], float(gain.max())
        step = cell(curves.block.theta, centre)
        low, high = self._bounds(family)
        seen = [centre[None]]
        for _ in range(_ROUNDS if centre.size else 0):
            trial = np.clip(centre + step * _cloud(centre.size), low, high)
            seen.append(trial)
            far = 0.0
            gain = gains(self._block(family, trial, free), column)[:, 0]
            # Feet are what costs: only curves that would be better are asked for theirs.
            better = np.flatnonzero(gain > best)
            if better.size:
                better = better[allowed(self.made(family, trial[better], free))]
            if better.size:
                top = better[int(gain[better].argmax())]
                far = float(np.abs((trial[top] - centre) / np.where(step > 0, step, 1.0)).max())
                centre, best = trial[top], float(gain[top])
            if far < 0.5:
                step = 0.5 * step
        found, trials = fitted(p, family, centre, free=free), np.concatenate(seen)
        block = self._block(family, trials, free)
        rss = grid_rss(block, column, gains(block, column))[:, 0]
        near = p.n * np.log(rss / max(found.rss, 1e-300)) < _KEPT
        return found, self.made(family, trials[near], free)

    def _bounds(self, family: Family) -> tuple[FloatArray, FloatArray]:
        edge = self.problem.etas(_ETAS)[[0, -1]]
        if family.side == "smooth":
            return np.array(family.lower), np.array(family.upper)
        return np.array([edge[0], *family.lower]), np.array([edge[1], *family.upper])


def possible(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """Pools without the curves that the data rule out by far."""
    data = [pool.problem.wy[:, None] for pool in pools]
    rss = [
        [grid_rss(c.block, y, gains(c.block, y))[:, 0] for c in pool.curves]
        for pool, y in zip(pools, data, strict=True)
    ]
    least = [min(float(r.min()) for r in own) for own in rss]
    n, total = sum(pool.problem.n for pool in pools), sum(least)
    return tuple(
        pool.kept([n * np.log1p((r - best) / total) < HOPELESS for r in own])
        for pool, own, best in zip(pools, rss, least, strict=True)
    )


def _cloud(k: int) -> FloatArray:
    """Places that fill the cube [-1, 1]^k evenly, its centre left out: a Kronecker sequence."""
    # The generalised golden ratio, the root of g^(k + 1) = g + 1, leaves no gaps in any dimension.
    g = 1.5
    for _ in range(40):
        g = (1.0 + g) ** (1.0 / (k + 1))
    steps = g ** -np.arange(1.0, k + 1.0)
    return 2.0 * ((0.5 + np.outer(np.arange(1, _CLOUD + 1), steps)) % 1.0) - 1.0


def make_pool(problem: Problem) -> Pool:
    """Every family on its grid, with its floor at chance and fitted."""
    etas = problem.etas(_ETAS)
    low, high = float(problem.x[0]), float(problem.x[-1])
    out = []
    for family in (f.on(problem.scale) for f in POOLED):
        onset = family.side == "threshold"
        theta = crossed(family, etas) if onset else family.grid
        basis, foot = family.basis(problem.x, theta), feet(family, theta, low, high)
        out += [
            FamilyCurves(make_block(family, theta, basis, problem, fit_level=free), foot)
            for free in ((False, True) if onset else (False,))
        ]
    return Pool(problem, tuple(out))
