r"""Limits: is a property of the curve at least, or at most, so much?

A hypothesis is a set of curves, those of the pool on one side of a limit.  The statistic is

.. math:: T = \min_{\text{set}} \mathrm{BIC} - \min_{\text{all}} \mathrm{BIC},

what the best curve inside the set is worse than the best of all.  Its distribution is simulated
under the best curves of the set, every curve weighed anew in each replicate, and the largest
p-value over the near-best counts: that guards against a null that BIC picked wrongly.

Where each run has a curve of its own, one family serves all of them, and the mean of the property
over the runs obeys the limit: for each run the least sum of squares is tabulated by steps of the
property, and the tables are added under that constraint.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate
from emergence.engine.grid import joint_bic, residual_ss
from emergence.engine.limits.hypothesis import STEPS, Hypothesis, Measure
from emergence.engine.limits.pool import FamilyCurves, Pool
from emergence.engine.limits.shortlist import shortlist
from emergence.engine.replicates import ErrorSource, replicas
from emergence.engine.sides import Curves

# Null families within this many BIC of the best in the set, so many at most.
_WINDOW, _MOST = 2.0, 3
# Families are polished that come within this many BIC of the best on the grid.
_NEAR = 8.0
_FIRST_LOOK = 199

# A p-value above _CLEAR alpha needs no look at narrower sets; a constraint that costs less than
# _CHEAP BIC, or more than _DEAR, needs no draws in an interval, which looks at _REACH steps.
_CLEAR, _CHEAP, _DEAR, _REACH = 2.0, 0.5, 30.0, 40

Key = tuple[str, bool]
Table = dict[Key, FloatArray]


@dataclass(frozen=True, eq=False)
class LimitTest:
    """Tests on one or several pools, a curve for each, with the same draws for every hypothesis."""

    pools: tuple[Pool, ...]
    errors: Sequence[ErrorSource]
    _known: dict[Hypothesis, float] = field(default_factory=dict, repr=False)
    _tabled: dict[Hypothesis, list[Table]] = field(default_factory=dict, repr=False)

    @property
    def _data(self) -> list[FloatArray]:
        return [pool.problem.wy[:, None] for pool in self.pools]

    def _of_data(self, hypothesis: Hypothesis) -> list[Table]:
        """Tables of the data themselves, which every step of a test looks at."""
        if hypothesis not in self._tabled:
            self._tabled[hypothesis] = _tables(self.pools, hypothesis, self._data)
        return self._tabled[hypothesis]

    def p_value(self, hypothesis: Hypothesis, alpha: float) -> float:
        """Largest p-value over the near-best curves of the set.

        Where a first look at some of the draws says that it is above ``alpha`` it is enough.
        """
        if hypothesis not in self._known:
            self._known[hypothesis] = self._p_value(hypothesis, alpha)
        return self._known[hypothesis]

    def nested(
        self, measure: Measure, limits: Sequence[float], alpha: float, *, at_least: bool
    ) -> float:
        """Largest p-value of hypotheses of which each holds the next.

        Without it a set could be rejected and a part of it not.  The rest is not looked at once one
        is clearly not rejected.
        """
        p = 0.0
        for limit in limits:
            p = max(p, self.p_value(Hypothesis(measure, limit, at_least), alpha))
            if p > _CLEAR * alpha:
                break
        return p

    def interval(self, measure: Measure, estimate: float, level: float) -> tuple[float, float]:
        """Values that neither "at most" nor "at least" rejects; infinite where the steps end."""
        # Only limits that cost something, and not too much, are in doubt: the others need no draws.
        alpha, ends = 0.5 * (1.0 - level), []
        for at_least, sign in ((False, -1.0), (True, 1.0)):

            def rejected(k: int, up: bool = at_least, s: float = sign) -> bool:
                there = Hypothesis(measure, estimate + s * (k + 1) * measure.step, up)
                cost = float(_statistic(self.pools, self._of_data(there))[0])
                if cost <= _CHEAP or cost > _DEAR:
                    return cost > _CHEAP
                return self.p_value(there, alpha) <= alpha

            k = bisect_left(range(_REACH), True, key=rejected)
            ends.append(estimate + sign * (k + 1) * measure.step if k < _REACH else sign * np.inf)
        return ends[0], ends[1]

    def _p_value(self, hypothesis: Hypothesis, alpha: float) -> float:
        if _statistic(self.pools, self._of_data(hypothesis))[0] <= 0.0:
            return 1.0  # the best curve of all is in the set
        nulls, seen = self.best(hypothesis)
        pools = tuple(p.with_curves(more) for p, more in zip(self.pools, seen, strict=True))
        observed = float(_statistic(pools, _tables(pools, hypothesis, self._data))[0])
        if not nulls or observed <= 0.0:
            return float(observed <= 0.0)
        return max(
            self._simulated(pools, null, hypothesis, observed=observed, alpha=alpha)
            for null in nulls
        )

    def _simulated(
        self,
        pools: Sequence[Pool],
        null: Curves,
        hypothesis: Hypothesis,
        *,
        observed: float,
        alpha: float,
    ) -> float:
        """Share of replicates of the null whose statistic is as large as the observed one."""
        columns = [
            replicas(p.problem, c.ability(p.problem.x), c.n_params - 1, source)
            for p, c, source in zip(pools, null.parts, self.errors, strict=True)
        ]
        pools = shortlist(pools, null.parts, hypothesis, columns)
        size, done, exceed = columns[0].shape[1], 0, 0
        for stop in (min(_FIRST_LOOK, size), size):
            part = [column[:, done:stop] for column in columns]
            simulated = _statistic(pools, _tables(pools, hypothesis, part))
            exceed += int((simulated >= observed - 1e-9).sum())
            done = stop
            p = (1 + exceed) / (1 + done)
            if done == size or p - alpha > 3.0 * np.sqrt(alpha / done):
                break
        return p

    def best(self, hypothesis: Hypothesis) -> tuple[list[Curves], list[list[FamilyCurves]]]:
        """Near-best curves of the set, best first, and what was seen of each pool on the way."""
        tables = self._of_data(hypothesis)
        inside = _criteria(self.pools, tables, _least_sum)
        least = min(float(v[0]) for v in inside.values())
        near = [key for key, v in inside.items() if np.isfinite(v[0]) and v[0] <= least + _NEAR]
        found: list[Curves] = []
        seen: list[list[FamilyCurves]] = [[] for _ in self.pools]
        for key in near:
            parts: list[Candidate] = []
            levels = _levels([table[key][:, 0] for table in tables])
            for pool, level, way in zip(self.pools, levels, seen, strict=True):
                allowed = partial(_reaches, hypothesis, level)
                polished, passed = pool.polished(pool.of(key), allowed)
                parts.append(polished)
                way.append(passed)
            value = _joint(self.pools, key, np.array([sum(c.rss for c in parts)]))
            found.append(Curves(tuple(parts), float(value[0])))
        found.sort(key=lambda curves: curves.bic)
        return [c for c in found[:_MOST] if c.bic <= found[0].bic + _WINDOW], seen


def _statistic(pools: Sequence[Pool], tables: Sequence[Table]) -> FloatArray:
    """T of each data set."""
    free = _criteria(pools, tables, lambda own: np.sum([t[0] for t in own], axis=0))
    within = np.full(next(iter(free.values())).shape, np.inf)
    # Inside the set a family does no better than anywhere: most are settled by that alone.
    for key in sorted(free, key=lambda k: float(free[k].mean())):
        unsettled = np.flatnonzero(free[key] < within)
        if unsettled.size:
            inside = _joint(pools, key, _least_sum([t[key][:, unsettled] for t in tables]))
            within[unsettled] = np.minimum(within[unsettled], inside)
    return np.asarray(within - np.minimum(np.min(list(free.values()), axis=0), within))


def _criteria(
    pools: Sequence[Pool], tables: Sequence[Table], least: Callable[[list[FloatArray]], FloatArray]
) -> dict[Key, FloatArray]:
    """BIC of every family that all parts have, by what its tables add up to."""
    keys = [key for key in tables[0] if all(key in table for table in tables)]
    return {key: _joint(pools, key, least([table[key] for table in tables])) for key in keys}


def _joint(pools: Sequence[Pool], key: Key, rss: FloatArray) -> FloatArray:
    mine = [pool.of(key) for pool in pools]
    n = [pool.problem.n for pool in pools]
    return joint_bic([rss], n, [c.block.n_params for c in mine]) + mine[0].handicap


def _levels(rss: Sequence[FloatArray]) -> list[int]:
    """Level of each part where the sums of squares, tabulated by level, add up to the least."""
    if len(rss) == 1:
        return [0]
    levels, rest = [], 0
    for i, table in enumerate(rss[:-1]):
        # What the parts after this one can do for every sum that they are left with.
        after = _sums([t[:, None] for t in rss[i + 1 :]])[:, 0]
        reach = (len(after) - 1) // 2
        wanted = np.clip(rest - np.arange(-STEPS, STEPS + 1), -reach, reach)
        level = int((table + after[wanted + reach]).argmin()) - STEPS
        levels.append(level)
        rest -= level
    return [*levels, int(np.clip(rest, -STEPS, STEPS))]


def _reaches(hypothesis: Hypothesis, least: int, curves: FamilyCurves) -> BoolArray:
    return np.asarray(hypothesis.level(curves) >= least)


def _tables(
    pools: Sequence[Pool], hypothesis: Hypothesis, columns: Sequence[FloatArray]
) -> list[Table]:
    """Table of each part; the columns of the parts belong together."""
    several = len(pools) > 1
    return [_table(p, hypothesis, c, several=several) for p, c in zip(pools, columns, strict=True)]


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
        rows = curves.block.rows[order]
        top = np.full((reach + most + 1, columns.shape[1]), -1.0)  # -1: no curve at that level
        there = np.flatnonzero(np.diff(ends))
        projected = np.maximum(rows @ columns, 0.0)
        top[there] = np.maximum.reduceat(projected, ends[there], axis=0)
        top = np.maximum.accumulate(top[::-1], axis=0)[::-1]
        gain = np.square(top)
        if curves.block.level is not None:
            gain += np.square(curves.block.level @ columns)
        out[curves.key] = np.where(top < 0, np.inf, residual_ss(total, gain))
    return out


def _sums(tables: Sequence[FloatArray]) -> FloatArray:
    """Least total over parts for every sum of their levels, (levels, data sets)."""
    total = tables[0]
    for table in tables[1:]:
        size = total.shape[0]
        added = np.full((size + table.shape[0] - 1, total.shape[1]), np.inf)
        for k, row in enumerate(table):
            added[k : k + size] = np.minimum(added[k : k + size], total + row)
        total = added
    return total


def _least_sum(tables: Sequence[FloatArray]) -> FloatArray:
    """Least total over parts whose levels add up to 0 at least."""
    if len(tables) == 1:
        return tables[0][1]
    # The two halves meet at levels that cancel: no sum over all parts is tabulated.
    half = len(tables) // 2
    one, other = _sums(tables[:half]), _sums(tables[half:])
    reach = (min(one.shape[0], other.shape[0]) - 1) // 2
    middle = [(t.shape[0] - 1) // 2 for t in (one, other)]
    a = one[middle[0] - reach : middle[0] + reach + 1]
    b = other[middle[1] - reach : middle[1] + reach + 1]
    return np.asarray((a + b[::-1]).min(axis=0))


EVERY = Measure("any", lambda curves: np.zeros(len(curves.block.theta)), 1.0)


def best_curves(pools: Sequence[Pool]) -> tuple[Curves, tuple[Pool, ...]]:
    """Best curves of all, and the pools with what was seen on the way to them."""
    found, seen = LimitTest(tuple(pools), ()).best(Hypothesis(EVERY, 0.0, True))
    return found[0], tuple(p.with_curves(more) for p, more in zip(pools, seen, strict=True))
