"""Shortlist: the curves of a pool that replicates of one null may choose at all."""

from collections.abc import Sequence

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate
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
        out.append(near.kept([_near(near, column[:, :_PILOT], hypothesis, several)]))
    return tuple(out)


def _within_reach(pool: Pool, null: Candidate) -> Pool:
    """Pool without the curves that miss the null itself by far more than its errors."""
    p = pool.problem
    mean = p.white(null.ability(p.x)[None]).T
    most = np.expm1(_HOPELESS / p.n) * max(null.rss, 1e-300)
    return pool.kept([s.stack.rss(mean)[:, 0] < most for s in pool.sets])


def _near(pool: Pool, pilot: FloatArray, hypothesis: Hypothesis, several: bool) -> BoolArray:
    """Curves that come near the best of their level in the first replicates."""
    # Of several parts one family serves all, so each is measured by its own best.
    (curves,) = pool.sets
    stack, n = curves.stack, pool.problem.n
    price = np.exp((stack.n_params * np.log(n) + pool.handicaps) / n)
    paid = stack.rss(pilot) * price[stack.of, None]
    most = STEPS if several else 0
    level = np.minimum(hypothesis.level(curves), most).clip(-most - 1) + most + 1
    levels, families = 2 * most + 2, len(pool.families)
    group = level * families + stack.of
    order = np.argsort(group, kind="stable")
    there, starts = np.unique(group[order], return_index=True)
    best = np.full((levels * families, pilot.shape[1]), np.inf)
    best[there] = np.minimum.reduceat(paid[order], starts, axis=0)
    above = np.minimum.accumulate(best.reshape(levels, families, -1)[::-1], axis=0)[::-1]
    if not several:
        above = np.broadcast_to(above.min(axis=1, keepdims=True), above.shape)
    return np.asarray((paid < above[level, stack.of] * np.exp(_SLACK / n)).any(axis=1))
