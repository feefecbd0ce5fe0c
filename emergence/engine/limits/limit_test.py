r"""Limits: is a property of the curve at least, or at most, so much?

The statistic T of :mod:`emergence.engine.limits.tables` is simulated under the best curves of the
set, every curve weighed anew in each replicate, and the largest p-value over the near-best counts:
that guards against a null that BIC picked wrongly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate
from emergence.engine.limits.hypothesis import Hypothesis, Measure
from emergence.engine.limits.pool import HOPELESS, FamilyCurves, Pool, possible
from emergence.engine.limits.shortlist import shortlist
from emergence.engine.limits.tables import (
    Table,
    criteria,
    joint,
    least_sum,
    levels,
    statistic,
    tables,
)
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


@dataclass(frozen=True, eq=False)
class LimitTest:
    """Tests on one or several pools, a curve for each, with the same draws for every hypothesis."""

    pools: tuple[Pool, ...]
    errors: Sequence[ErrorSource]
    draws: int
    _known: dict[Hypothesis, float] = field(default_factory=dict, repr=False)
    _tabled: dict[Hypothesis, list[Table]] = field(default_factory=dict, repr=False)

    @property
    def _data(self) -> list[FloatArray]:
        return [pool.problem.wy[:, None] for pool in self.pools]

    def _of_data(self, hypothesis: Hypothesis) -> list[Table]:
        """Tables of the data themselves, which every step of a test looks at."""
        if hypothesis not in self._tabled:
            self._tabled[hypothesis] = tables(self.pools, hypothesis, self._data)
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
                cost = float(statistic(self.pools, self._of_data(there))[0])
                if cost <= _CHEAP or cost > _DEAR:
                    return cost > _CHEAP
                return self.p_value(there, alpha) <= alpha

            k = bisect_left(range(_REACH), True, key=rejected)
            ends.append(estimate + sign * (k + 1) * measure.step if k < _REACH else sign * np.inf)
        return ends[0], ends[1]

    def _p_value(self, hypothesis: Hypothesis, alpha: float) -> float:
        if statistic(self.pools, self._of_data(hypothesis))[0] <= 0.0:
            return 1.0  # the best curve of all is in the set
        nulls, seen = self.best(hypothesis)
        pools = tuple(p.with_curves(more) for p, more in zip(self.pools, seen, strict=True))
        observed = float(statistic(pools, tables(pools, hypothesis, self._data))[0])
        if observed <= 0.0:
            return 1.0
        if not nulls or observed > HOPELESS:
            return 1.0 / (self.draws + 1)
        looks = [_Look(self, pools, null.parts, hypothesis, observed) for null in nulls]
        first = [look.exceeding(0, min(_FIRST_LOOK, self.draws)) for look in looks]
        # The null that most of its first replicates speak for is simulated to the end.
        worst = int(np.argmax(first))
        done = min(_FIRST_LOOK, self.draws)
        p = (1 + first[worst]) / (1 + done)
        if done == self.draws or p - alpha > 3.0 * np.sqrt(alpha / done):
            return p
        rest = looks[worst].exceeding(done, self.draws)
        return (1 + first[worst] + rest) / (1 + self.draws)

    def best(self, hypothesis: Hypothesis) -> tuple[list[Curves], list[list[FamilyCurves]]]:
        """Near-best curves of the set, best first, and what was seen of each pool on the way."""
        own = self._of_data(hypothesis)
        inside = criteria(self.pools, own, least_sum)
        least = min(float(v[0]) for v in inside.values())
        near = [key for key, v in inside.items() if np.isfinite(v[0]) and v[0] <= least + _NEAR]
        found: list[Curves] = []
        seen: list[list[FamilyCurves]] = [[] for _ in self.pools]
        for key in near:
            parts: list[Candidate] = []
            chosen = levels([table[key][:, 0] for table in own])
            for pool, level, way in zip(self.pools, chosen, seen, strict=True):
                allowed = partial(_reaches, hypothesis, level)
                polished, passed = pool.polished(pool.of(key), allowed)
                parts.append(polished)
                way.append(passed)
            value = joint(self.pools, key, np.array([sum(c.rss for c in parts)]))
            found.append(Curves(tuple(parts), float(value[0])))
        found.sort(key=lambda curves: curves.bic)
        return [c for c in found[:_MOST] if c.bic <= found[0].bic + _WINDOW], seen


@dataclass(frozen=True, eq=False)
class _Look:
    """Replicates of one null, some of them at a time."""

    test: LimitTest
    pools: Sequence[Pool]
    null: tuple[Candidate, ...]
    hypothesis: Hypothesis
    observed: float

    @cached_property
    def _columns(self) -> list[FloatArray]:
        """Replicates of each part."""
        return [
            replicas(p.problem, c.ability(p.problem.x), c.n_params - 1, source)
            for p, c, source in zip(self.pools, self.null, self.test.errors, strict=True)
        ]

    @cached_property
    def _near(self) -> tuple[Pool, ...]:
        return shortlist(self.pools, self.null, self.hypothesis, self._columns)

    def exceeding(self, start: int, stop: int) -> int:
        """Replicates whose statistic is as large as the observed one."""
        part = [column[:, start:stop] for column in self._columns]
        simulated = statistic(self._near, tables(self._near, self.hypothesis, part))
        return int((simulated >= self.observed - 1e-9).sum())


def _reaches(hypothesis: Hypothesis, least: int, curves: FamilyCurves) -> BoolArray:
    return np.asarray(hypothesis.level(curves) >= least)


EVERY = Measure("any", lambda curves: np.zeros(len(curves.block.theta)), 1.0)


def best_curves(pools: Sequence[Pool]) -> tuple[Curves, tuple[Pool, ...]]:
    """Best curves of all, and the pools of what is possible, with what was seen on the way."""
    found, seen = LimitTest(tuple(pools), (), 0).best(Hypothesis(EVERY, 0.0, True))
    pools = [p.with_curves(more) for p, more in zip(pools, seen, strict=True)]
    return found[0], possible(pools)
