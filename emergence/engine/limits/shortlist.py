"""Shortlist: the curves of a pool that replicates of one null may choose at all."""

from collections.abc import Sequence

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate
from emergence.engine.grid import bic, gains, grid_rss
from emergence.engine.limits.hypothesis import STEPS, Hypothesis
from emergence.engine.limits.pool import Pool

# Curves are left out that the null itself rules out by _HOPELESS BIC, or that never come within
# _SLACK of the best in the first _PILOT replicates.
_HOPELESS, _SLACK, _PILOT = 40.0, 10.0, 32


def shortlist(
    pools: Sequence[Pool],
    nulls: Sequence[Candidate],
    hypothesis: Hypothesis,
    columns: Sequence[FloatArray],
) -> tuple[Pool, ...]:
    """Pools without the curves that replicates like these never choose."""
    several = len(pools) > 1
    out = []
    for pool, curve, column in zip(pools, nulls, columns, strict=True):
        near = _within_reach(pool, curve)
        out.append(near.kept(_near(near, column[:, :_PILOT], hypothesis, several)))
    return tuple(out)


def _within_reach(pool: Pool, null: Candidate) -> Pool:
    """Pool without the curves that miss the null itself by far more than its errors."""
    p = pool.problem
    mean = p.white(null.ability(p.x)[None]).T
    variance = max(null.rss, 1e-300) / p.n
    miss = [grid_rss(c.block, mean, gains(c.block, mean))[:, 0] for c in pool.curves]
    return pool.kept([p.n * np.log1p(m / (p.n * variance)) < _HOPELESS for m in miss])


def _near(pool: Pool, pilot: FloatArray, hypothesis: Hypothesis, several: bool) -> list[BoolArray]:
    """Curves that come near the best of their level in the first replicates."""
    # Of several parts one family serves all, so each is measured by its own best.
    n = pool.problem.n
    tables = [
        bic(grid_rss(c.block, pilot, gains(c.block, pilot)), n, c.block.n_params) + c.handicap
        for c in pool.curves
    ]
    most = STEPS if several else 0
    levels = [np.minimum(hypothesis.level(c), most).clip(-most - 1) for c in pool.curves]
    best = np.full((len(tables), 2 * most + 2, pilot.shape[1]), np.inf)
    for own, table, level in zip(best, tables, levels, strict=True):
        for k in np.unique(level):
            own[k + most + 1] = table[level == k].min(axis=0)
    best = np.minimum.accumulate(best[:, ::-1], axis=1)[:, ::-1]
    if not several:
        best = np.broadcast_to(best.min(axis=0), best.shape)
    return [
        np.asarray((table - own[level + most + 1] < _SLACK).any(axis=1))
        for own, table, level in zip(best, tables, levels, strict=True)
    ]
