r"""Tables: the best that curves can do at each level of a property, for many data sets at once.

A hypothesis is a set of curves, those of the pool on one side of a limit.  The statistic is

.. math:: T = \min_{\text{set}} \mathrm{BIC} - \min_{\text{all}} \mathrm{BIC},

what the best curve inside the set is worse than the best of all.

Where each run has a curve of its own, one family serves all of them, and the mean of the property
over the runs obeys the limit: for each run the least sum of squares is tabulated by steps of the
property, and the tables are added under that constraint.
"""

from collections.abc import Callable, Sequence

import numpy as np

from emergence._typing import FloatArray, IntArray
from emergence.engine.grid import joint_bic, residual_ss
from emergence.engine.limits.hypothesis import STEPS, Hypothesis
from emergence.engine.limits.pool import Pool

_CHUNK = 150_000  # elements of one product: small enough to stay in the processor's cache

Key = tuple[str, bool]
Table = dict[Key, FloatArray]


def tables(
    pools: Sequence[Pool], hypothesis: Hypothesis, columns: Sequence[FloatArray]
) -> list[Table]:
    """Table of each part; the columns of the parts belong together."""
    several = len(pools) > 1
    return [_table(p, hypothesis, c, several=several) for p, c in zip(pools, columns, strict=True)]


class Ladder:
    """Tables of the data themselves, for sets that are steps of one measure from each other."""

    def __init__(self, pools: Sequence[Pool], first: Hypothesis, steps: int = 1) -> None:
        # A curve that is k steps inside one set is k - 1 steps inside the next: the tables of all
        # sets are windows of one.
        self._reach, self._most = (STEPS, STEPS) if len(pools) > 1 else (1, 0)
        held = [{c.key for c in pool.curves} for pool in pools]
        self._keys = [c.key for c in pools[0].curves if all(c.key in keys for keys in held)]
        self._n = sum(pool.problem.n for pool in pools)
        self._penalty = _penalties(pools, self._keys)
        self._least = [
            np.array([self._cumulated(pool, key, first, steps) for key in self._keys]).T
            for pool in pools
        ]

    def _cumulated(self, pool: Pool, key: Key, first: Hypothesis, steps: int) -> FloatArray:
        least = np.full(self._reach + self._most + steps, np.inf)
        level = np.clip(first.steps(pool.of(key)), -self._reach, self._most + steps - 1)
        np.minimum.at(least, level + self._reach, pool.misses[key])
        return np.asarray(np.minimum.accumulate(least[::-1])[::-1])

    def _windows(self, step: int) -> list[FloatArray]:
        """Least sums of squares by level and family, for one of the sets, of each part."""
        end = step + self._reach + self._most + 1
        return [np.concatenate([part[:1], part[step + 1 : end]]) for part in self._least]

    def tables(self, step: int = 0) -> list[Table]:
        """Table of each part for one of the sets."""
        return [
            {key: window[:, [i]] for i, key in enumerate(self._keys)}
            for window in self._windows(step)
        ]

    def cost(self, step: int = 0) -> float:
        """T of the data for one of the sets."""
        windows = self._windows(step)
        within, free = (
            float((self._n * np.log(rss / self._n) + self._penalty).min())
            for rss in (least_sum(windows), np.sum([window[0] for window in windows], axis=0))
        )
        return within - min(free, within) if np.isfinite(within) else np.inf


def _table(pool: Pool, hypothesis: Hypothesis, columns: FloatArray, *, several: bool) -> Table:
    """For every family the least sum of squares of curves at each level or above.

    Shape (levels, data sets), lowest level first; of one part alone the levels are outside and in.
    """
    total = np.einsum("ij,ij->j", columns, columns)
    reach, most = (STEPS, STEPS) if several else (1, 0)
    out = {}
    for curves in pool.curves:
        level = np.clip(hypothesis.level(curves), -reach, most) + reach
        order = np.argsort(level, kind="stable")
        ends = np.searchsorted(level[order], np.arange(reach + most + 2))
        top = _highest(curves.block.rows, order, ends, columns)
        top = np.maximum.accumulate(top[::-1], axis=0)[::-1]
        gain = np.square(np.maximum(top, 0.0))
        if curves.block.level is not None:
            gain += np.square(curves.block.level @ columns)
        out[curves.key] = np.where(np.isneginf(top), np.inf, residual_ss(total, gain))
    return out


def _highest(rows: FloatArray, order: IntArray, ends: IntArray, columns: FloatArray) -> FloatArray:
    """Largest projection on the ordered rows between each two ends; -inf where there are none."""
    top = np.full((ends.size - 1, columns.shape[1]), -np.inf)
    there = np.flatnonzero(np.diff(ends))
    if columns.shape[1] < rows.shape[1]:  # projections are fewer numbers to order than rows
        top[there] = np.maximum.reduceat((rows @ columns)[order], ends[there], axis=0)
        return top
    rows, step = rows[order], max(1, _CHUNK // max(rows.shape[0], 1))
    for start in range(0, columns.shape[1], step):
        part = slice(start, start + step)
        top[there, part] = np.maximum.reduceat(rows @ columns[:, part], ends[there], axis=0)
    return top


def statistic(pools: Sequence[Pool], known: Sequence[Table]) -> FloatArray:
    """T of each data set."""
    free = criteria(pools, known, lambda own: np.sum([t[0] for t in own], axis=0))
    within = np.full(next(iter(free.values())).shape, np.inf)
    # Inside the set a family does no better than anywhere: most are settled by that alone.
    for key in sorted(free, key=lambda k: float(free[k].mean())):
        unsettled = np.flatnonzero(free[key] < within)
        if unsettled.size:
            inside = joint(pools, key, least_sum([t[key][:, unsettled] for t in known]))
            within[unsettled] = np.minimum(within[unsettled], inside)
    return np.asarray(within - np.minimum(np.min(list(free.values()), axis=0), within))


def criteria(
    pools: Sequence[Pool], known: Sequence[Table], least: Callable[[list[FloatArray]], FloatArray]
) -> Table:
    """BIC of every family that all parts have, by what its tables add up to."""
    keys = [key for key in known[0] if all(key in table for table in known)]
    return {key: joint(pools, key, least([table[key] for table in known])) for key in keys}


def joint(pools: Sequence[Pool], key: Key, rss: FloatArray) -> FloatArray:
    """BIC of one family for all parts, with what it pays beyond its parameters."""
    mine = [pool.of(key) for pool in pools]
    n = [pool.problem.n for pool in pools]
    return joint_bic([rss], n, [c.block.n_params for c in mine]) + mine[0].handicap


def _penalties(pools: Sequence[Pool], keys: Sequence[Key]) -> FloatArray:
    """What each family pays for its parameters in all parts, and beyond them."""
    parts = zip(pools, np.log([pool.problem.n for pool in pools]), strict=True)
    cost = sum(
        log_n * np.array([pool.of(key).block.n_params for key in keys]) for pool, log_n in parts
    )
    return np.asarray(cost + np.array([pools[0].of(key).handicap for key in keys]))


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
