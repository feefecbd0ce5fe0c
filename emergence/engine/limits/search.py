"""Search: the best curve of one family among those with a property."""

from collections.abc import Callable
from functools import cache

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate, fitted
from emergence.engine.grid import explained, residual_ss
from emergence.engine.limits.pool import CurveSet, Pool
from emergence.engine.polish import cell

# A search looks at so many places around its centre, and within half as far where it is not on
# its way.
_CLOUD = 48
# It ends where its steps are halved _FINE times and _IDLE rounds have gained less than so much BIC.
_FINE, _IDLE, _GAINED = 4, 2, 0.01
# What it has seen is kept within so much BIC of what it found.
_KEPT = 8.0


class Search:
    """Search of one family from the best of a pool's curves that are allowed; one of them is.

    The ``first`` one has nothing but the grid to go by, the others what was seen before.
    """

    def __init__(
        self, pool: Pool, which: int, allowed: Callable[[CurveSet], BoolArray], *, first: bool
    ) -> None:
        self._pool, self._which, self._allowed = pool, which, allowed
        self._family, self._free = pool.families[which], bool(pool.free[which])
        self._bounds = pool.bounds(self._family)
        theta, misses = pool.of(which, allowed)
        self._centre = theta[int(misses.argmin())]
        self._step = pool.steps(which, self._centre) if first else cell(theta, self._centre)
        wy = pool.problem.wy
        self._total = float(wy @ wy)
        self._level = self._free * float(pool.problem.level @ wy) ** 2
        self._seen, self._gains = [self._centre[None]], [self._explained(self._centre[None])]
        self._best = float(self._gains[0][0])
        self._idle = self._halved = 0

    def _explained(self, theta: FloatArray) -> FloatArray:
        return explained(self._pool.problem, self._family, theta, free=self._free)

    def _rest(self, gain: FloatArray | float) -> FloatArray:
        """Residual sum of squares of what explains ``gain`` beyond the level."""
        return residual_ss(self._total, self._level + gain)

    def go(self, rounds: int) -> None:
        """Search on for so many rounds."""
        for _ in range(rounds if self._centre.size else 0):
            if self._idle >= _IDLE and self._halved >= _FINE:
                break
            before, start = self._best, self._centre
            low, high = self._bounds
            trial = self._centre + self._step * _cloud(self._centre.size)
            trial = np.minimum(np.maximum(trial, low), high)
            gain = self._explained(trial)
            self._seen.append(trial)
            self._gains.append(gain)
            # Feet are what costs: only curves that would be better are asked for theirs.
            better = np.flatnonzero(gain > self._best)
            if better.size:
                rest = self._rest(gain[better])
                there = self._pool.footed(self._which, trial[better], rest, rows=False)
                better = better[self._allowed(there)]
            if better.size:
                top = better[int(gain[better].argmax())]
                self._centre, self._best = trial[top], float(gain[top])
            moved = np.abs(self._centre - start)
            if (moved < 0.5 * np.where(self._step > 0, self._step, 1.0)).all():
                self._step, self._halved = 0.5 * self._step, self._halved + 1
            better_by = (self._best - before) / self.rss
            self._idle = self._idle + 1 if self._pool.problem.n * better_by < _GAINED else 0

    @property
    def rss(self) -> float:
        """Residual sum of squares of the best curve so far."""
        return float(self._rest(self._best))

    @property
    def found(self) -> Candidate:
        """Best curve so far."""
        return fitted(self._pool.problem, self._family, self._centre, free=self._free)

    @property
    def seen(self) -> CurveSet:
        """Curves on the way that are nearly as good."""
        rest = self._rest(np.concatenate(self._gains))
        near = rest < self.rss * np.exp(_KEPT / self._pool.problem.n)
        theta = np.concatenate(self._seen)[near]
        return self._pool.footed(self._which, theta, rest[near], rows=True)


@cache
def _cloud(k: int) -> FloatArray:
    """Places that fill the cube [-1, 1]^k evenly, its centre left out: a Kronecker sequence."""
    # The generalised golden ratio, the root of g^(k + 1) = g + 1, leaves no gaps in any dimension.
    g = 1.5
    for _ in range(40):
        g = (1.0 + g) ** (1.0 / (k + 1))
    steps = g ** -np.arange(1.0, k + 1.0)
    return 2.0 * ((0.5 + np.outer(np.arange(1, _CLOUD + 1), steps)) % 1.0) - 1.0
