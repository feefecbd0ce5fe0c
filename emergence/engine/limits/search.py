"""Search: the best curve of one family among those with a property."""

from collections.abc import Callable
from functools import cache

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate, fitted
from emergence.engine.grid import gains, grid_rss
from emergence.engine.limits.pool import FamilyCurves, Pool
from emergence.engine.polish import cell

# A search looks at so many places around its centre, and within half as far where it is not on
# its way.
_CLOUD = 48
# It ends where its steps are halved _FINE times and _IDLE rounds have gained less than so much BIC.
_FINE, _IDLE, _GAINED = 4, 2, 0.01
# What it has seen is kept within so much BIC of what it found.
_KEPT = 8.0


class Search:
    """Search from the best of the curves given; at least one of them must be allowed."""

    def __init__(
        self, pool: Pool, curves: FamilyCurves, allowed: Callable[[FamilyCurves], BoolArray]
    ) -> None:
        self._pool, self._allowed = pool, allowed
        self._family, self._free = curves.block.family, curves.key[1]
        self._column = pool.problem.wy[:, None]
        ok = curves.where(allowed(curves))
        gain = gains(ok.block, self._column)[:, 0]
        self._centre, self._best = ok.block.theta[int(gain.argmax())], float(gain.max())
        self._step = cell(curves.block.theta, self._centre)
        self._bounds = pool.bounds(self._family)
        self._seen = [self._centre[None]]
        self._total = float(self._column[:, 0] @ self._column[:, 0])
        self._idle = self._halved = 0

    def go(self, rounds: int) -> None:
        """Search on for so many rounds."""
        for _ in range(rounds if self._centre.size else 0):
            if self._idle >= _IDLE and self._halved >= _FINE:
                break
            before = self._best
            trial = np.clip(self._centre + self._step * _cloud(self._centre.size), *self._bounds)
            self._seen.append(trial)
            step, start = np.where(self._step > 0, self._step, 1.0), self._centre
            gain = gains(self._pool.block(self._family, trial, self._free), self._column)[:, 0]
            # Feet are what costs: only curves that would be better are asked for theirs.
            better = np.flatnonzero(gain > self._best)
            if better.size:
                there = self._pool.made(self._family, trial[better], self._free)
                better = better[self._allowed(there)]
            if better.size:
                top = better[int(gain[better].argmax())]
                self._centre, self._best = trial[top], float(gain[top])
            if np.abs((self._centre - start) / step).max() < 0.5:
                self._step, self._halved = 0.5 * self._step, self._halved + 1
            better_by = (self._best - before) / max(self._total - self._best, 1e-300)
            self._idle = self._idle + 1 if self._pool.problem.n * better_by < _GAINED else 0

    @property
    def found(self) -> Candidate:
        """Best curve so far."""
        return fitted(self._pool.problem, self._family, self._centre, free=self._free)

    @property
    def seen(self) -> FamilyCurves:
        """Curves on the way that are nearly as good."""
        p, trials = self._pool.problem, np.concatenate(self._seen)
        block = self._pool.block(self._family, trials, self._free)
        rss = grid_rss(block, self._column, gains(block, self._column))[:, 0]
        near = p.n * np.log(rss / max(self.found.rss, 1e-300)) < _KEPT
        return self._pool.made(self._family, trials[near], self._free)


@cache
def _cloud(k: int) -> FloatArray:
    """Places that fill the cube [-1, 1]^k evenly, its centre left out: a Kronecker sequence."""
    # The generalised golden ratio, the root of g^(k + 1) = g + 1, leaves no gaps in any dimension.
    g = 1.5
    for _ in range(40):
        g = (1.0 + g) ** (1.0 / (k + 1))
    steps = g ** -np.arange(1.0, k + 1.0)
    return 2.0 * ((0.5 + np.outer(np.arange(1, _CLOUD + 1), steps)) % 1.0) - 1.0
