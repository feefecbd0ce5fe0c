r"""Tables: the best that curves can do at each level of a property, for many data sets at once.

A hypothesis is a set of curves, those of the pool on one side of a limit.  The statistic is

.. math:: T = \min_{\text{set}} \mathrm{BIC} - \min_{\text{all}} \mathrm{BIC},

what the best curve inside the set is worse than the best of all.

Where each run has a curve of its own, one family serves all of them, and the mean of the property
over the runs obeys the limit: for each run the least sum of squares is tabulated by steps of the
property, and the tables are added under that constraint.
"""

from collections.abc import Sequence

import numpy as np

from emergence._typing import FloatArray
from emergence.engine.grid import bic, least_bic
from emergence.engine.limits.hypothesis import STEPS, Hypothesis
from emergence.engine.limits.pool import Pool

Table = FloatArray  # least sums of squares, (levels, families, data sets)


def tables(
    pools: Sequence[Pool], hypothesis: Hypothesis, columns: Sequence[FloatArray]
) -> list[Table]:
    """For every family the least sum of squares of curves at each level or above, of each part.

    Lowest level first; of one part alone the levels are outside and in.  The pools hold one set of
    curves each; the columns of the parts belong together.
    """
    reach, most = (STEPS, STEPS) if len(pools) > 1 else (1, 0)
    out = []
    for pool, column in zip(pools, columns, strict=True):
        (curves,) = pool.sets
        stack, families = curves.stack, len(pool.families)
        level = np.clip(hypothesis.level(curves), -reach, most) + reach
        size = (reach + most + 1) * families
        rss = stack.least_by(level * families + stack.of, size, column)
        rss = rss.reshape(-1, families, column.shape[1])
        out.append(np.minimum.accumulate(rss[::-1], axis=0)[::-1])
    return out


class Ladder:
    """Tables of the data themselves, for sets that are steps of one measure from each other."""

    def __init__(self, pools: Sequence[Pool], first: Hypothesis, steps: int = 1) -> None:
        # A curve that is k steps inside one set is k - 1 steps inside the next: the tables of all
        # sets are windows of one.
        self._reach, self._most = (STEPS, STEPS) if len(pools) > 1 else (1, 0)
        self._pools = pools
        self._least = [self._cumulated(pool, first, steps) for pool in pools]

    def _cumulated(self, pool: Pool, first: Hypothesis, steps: int) -> FloatArray:
        families, size = len(pool.families), self._reach + self._most + steps
        least = np.full(size * families, np.inf)
        for curves in pool.sets:
            level = np.clip(first.steps(curves), -self._reach, self._most + steps - 1)
            place = (level + self._reach) * families + curves.stack.of
            np.minimum.at(least, place, curves.misses)
        return np.minimum.accumulate(least.reshape(size, families)[::-1], axis=0)[::-1]

    def tables(self, step: int = 0) -> list[FloatArray]:
        """Least sums of squares by level and family, for one of the sets, of each part."""
        end = step + self._reach + self._most + 1
        return [np.concatenate([part[:1], part[step + 1 : end]]) for part in self._least]

    def cost(self, step: int = 0) -> float:
        """T of the data for one of the sets."""
        windows = self.tables(step)
        within = float(criteria(self._pools, least_sum(windows)).min())
        free = float(criteria(self._pools, np.sum([w[0] for w in windows], axis=0)).min())
        return within - min(free, within) if np.isfinite(within) else np.inf


def statistic(pools: Sequence[Pool], known: Sequence[Table]) -> FloatArray:
    """T of each data set."""
    free = np.sum([table[0] for table in known], axis=0)
    if len(known) == 1:
        within = _least(pools, known[0][1])
        return np.asarray(within - np.minimum(_least(pools, free), within))
    bound = criteria(pools, free)
    within = np.full(free.shape[1], np.inf)
    # Inside the set a family does no better than anywhere: most are settled by that alone.
    for i in np.argsort(bound.mean(axis=1), kind="stable"):
        unsettled = np.flatnonzero(bound[i] < within)
        if unsettled.size:
            inside = least_sum([table[:, i, unsettled] for table in known])
            own = criteria(pools, inside[None], int(i))[0]
            within[unsettled] = np.minimum(within[unsettled], own)
    return np.asarray(within - np.minimum(bound.min(axis=0), within))


def criteria(pools: Sequence[Pool], rss: FloatArray, which: int | None = None) -> FloatArray:
    """BIC of every family (or of one) for all parts, with what it pays beyond its parameters.

    ``rss`` is of shape (families, ...), summed over the parts.
    """
    own = slice(None) if which is None else slice(which, which + 1)
    shape = (-1, *[1] * (rss.ndim - 1))
    n_params = pools[0].n_params[own].reshape(shape)
    n = [pool.problem.n for pool in pools]
    return bic(rss, n, n_params) + pools[0].handicaps[own].reshape(shape)


def _least(pools: Sequence[Pool], rss: FloatArray) -> FloatArray:
    """Least of these criteria for each data set."""
    n = [pool.problem.n for pool in pools]
    return least_bic(rss, n, pools[0].n_params, pools[0].handicaps)


def sums(known: Sequence[FloatArray]) -> FloatArray:
    """Least total over parts for every sum of their levels, (levels, data sets)."""
    total = known[0]
    for table in known[1:]:
        size = total.shape[0]
        added = np.full((size + table.shape[0] - 1, total.shape[1]), np.inf)
        for k, row in enumerate(table):
            added[k : k + size] = np.minimum(added[k : k + size], total + row)
        total = added
    return total


def least_sum(known: Sequence[FloatArray]) -> FloatArray:
    """Least total over parts whose levels add up to 0 at least."""
    if len(known) == 1:
        return known[0][1]
    # The two halves meet at levels that cancel: no sum over all parts is tabulated.
    half = len(known) // 2
    one, other = sums(known[:half]), sums(known[half:])
    reach = (min(one.shape[0], other.shape[0]) - 1) // 2
    middle = [(t.shape[0] - 1) // 2 for t in (one, other)]
    a = one[middle[0] - reach : middle[0] + reach + 1]
    b = other[middle[1] - reach : middle[1] + reach + 1]
    return np.asarray((a + b[::-1]).min(axis=0))


def levels(rss: Sequence[FloatArray]) -> list[int]:
    """Level of each part where the sums of squares, tabulated by level, add up to the least."""
    if len(rss) == 1:
        return [0]
    found, rest = [], 0
    for i, table in enumerate(rss[:-1]):
        # What the parts after this one can do for every sum that they are left with.
        after = sums([t[:, None] for t in rss[i + 1 :]])[:, 0]
        reach = (len(after) - 1) // 2
        wanted = np.clip(rest - np.arange(-STEPS, STEPS + 1), -reach, reach)
        level = int((table + after[wanted + reach]).argmin()) - STEPS
        found.append(level)
        rest -= level
    return [*found, int(np.clip(rest, -STEPS, STEPS))]
