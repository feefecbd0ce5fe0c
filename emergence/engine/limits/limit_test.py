r"""Limits: is a property of the curve at least, or at most, so much?

The statistic T of :mod:`emergence.engine.limits.tables` is simulated under the best curves of the
set, every curve weighed anew in each replicate, and the largest p-value over the near-best counts:
that guards against a null that BIC picked wrongly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from emergence._typing import BoolArray, FloatArray
from emergence.engine.contest import Candidate
from emergence.engine.grid import TIE
from emergence.engine.limits.hypothesis import Hypothesis, Measure
from emergence.engine.limits.pool import HOPELESS, CurveSet, Pool, possible
from emergence.engine.limits.search import Search
from emergence.engine.limits.shortlist import shortlist
from emergence.engine.limits.tables import Ladder, criteria, least_sum, levels, statistic, tables
from emergence.engine.replicates import ErrorSource, replicas
from emergence.engine.runs.sides import Curves

# Null families within this many BIC of the best in the set, so many at most.
_WINDOW, _MOST = 2.0, 3
# Families are polished that come within this many BIC of the best on the grid, at least so many:
# where the data are precise the grid is coarse.
_NEAR, _LEAST = 6.0, 3
_ROUNDS = (4, 8)
_FIRST_LOOK = 199

# A p-value above _CLEAR alpha needs no look at narrower sets.
_CLEAR = 2.0
# BIC for each unit of log(1 / (1 - level)), as benchmarks/foot.py finds; an interval looks at
# so many steps to either side.
_SUPPORT, _FEW, _GROWTH, _REACH = 3.7, 60, 0.4, 220


@dataclass(frozen=True, eq=False)
class LimitTest:
    """Tests on one or several pools, a curve for each, with the same draws for every hypothesis."""

    pools: tuple[Pool, ...]
    errors: Sequence[ErrorSource]
    draws: int
    _known: dict[tuple[Hypothesis, float], float] = field(default_factory=dict, repr=False)

    def p_value(self, hypothesis: Hypothesis, alpha: float) -> float:
        """Largest p-value over the near-best curves of the set.

        Where a first look at some of the draws says that it is above ``alpha`` it is enough.
        """
        key = (hypothesis, alpha)
        if key not in self._known:
            self._known[key] = self._p_value(hypothesis, alpha)
        return self._known[key]

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
        """Values with a curve that is nearly as good as the best; infinite where there is no end.

        "Nearly" is a T of at most _SUPPORT log(1 / (1 - level)) for one curve, and half as much
        again for each more: of truths drawn at random, most of them none of the curves here, that
        share costs no more at their own value.  More points see more of what no curve here has.
        """
        grown = max(1.0, max(pool.problem.n for pool in self.pools) / _FEW) ** _GROWTH
        most = -_SUPPORT * np.log1p(-level) * 0.5 * (len(self.pools) + 1) * grown
        ends = []
        for at_least, sign in ((False, -1.0), (True, 1.0)):
            steps = [
                Hypothesis(measure, estimate + sign * (k + 1) * measure.step, at_least)
                for k in range(_REACH)
            ]
            k = _first_beyond(self.pools, steps, most)
            ends.append(steps[k].limit if k < _REACH else sign * np.inf)
        return ends[0], ends[1]

    def _p_value(self, hypothesis: Hypothesis, alpha: float) -> float:
        if Ladder(self.pools, hypothesis).cost() <= 0.0:
            return 1.0  # the best curve of all is in the set
        found, pools = _best_in(self.pools, hypothesis)
        observed = Ladder(pools, hypothesis).cost()
        if observed <= 0.0:
            return 1.0
        if not found or observed > HOPELESS:
            return 1.0 / (self.draws + 1)
        # What must earn its second piece is no null: replicates of it are explained without, which
        # would say nothing of these data.
        plain = [c for c in found if not c.parts[0].family.handicap] or found
        nulls = [c for c in plain[:_MOST] if c.bic <= plain[0].bic + _WINDOW]
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
        return int((simulated >= self.observed - TIE).sum())


def _best_in(
    pools: tuple[Pool, ...], hypothesis: Hypothesis, *, first: bool = False
) -> tuple[list[Curves], tuple[Pool, ...]]:
    """Best curves of the set, best first, and the pools with what was seen on the way."""
    own = Ladder(pools, hypothesis).tables()
    inside = criteria(pools, least_sum(own))
    order = np.argsort(inside, kind="stable")
    order = order[np.isfinite(inside[order])]
    last = max(_LEAST, int(np.sum(inside <= inside.min() + _NEAR)))
    searches: dict[int, list[Search]] = {}
    for which in map(int, order[:last]):
        chosen = levels([table[:, which] for table in own])
        searches[which] = [
            Search(pool, which, partial(_reaches, hypothesis, level), first=first)
            for pool, level in zip(pools, chosen, strict=True)
        ]
    found = _raced(pools, searches)
    seen = tuple(
        pool.with_curves([parts[i].seen for parts in searches.values()])
        for i, pool in enumerate(pools)
    )
    return found, seen


def _raced(pools: Sequence[Pool], searches: dict[int, list[Search]]) -> list[Curves]:
    """Search on; families that fall behind after some rounds are left there."""
    running = list(searches)
    for rounds in _ROUNDS:
        found = []
        for which in running:
            for part in searches[which]:
                part.go(rounds)
            rss = np.array([sum(part.rss for part in searches[which])])
            found.append((float(criteria(pools, rss, which)[0]), which))
        found.sort()
        running = [which for value, which in found if value <= found[0][0] + 2.0 * _WINDOW]
    return [Curves(tuple(part.found for part in searches[which]), v) for v, which in found]


def _reaches(hypothesis: Hypothesis, least: int, curves: CurveSet) -> BoolArray:
    return np.asarray(hypothesis.level(curves) >= least)


EVERY = Measure("any", lambda curves: np.zeros(curves.stack.of.size), 1.0)


def best_curves(pools: Sequence[Pool]) -> tuple[Curves, tuple[Pool, ...]]:
    """Best curves of all, and the pools of what is possible, with what was seen on the way."""
    found, more = _best_in(tuple(pools), Hypothesis(EVERY, 0.0, True), first=True)
    return found[0], possible(more)


def _first_beyond(pools: tuple[Pool, ...], steps: Sequence[Hypothesis], most: float) -> int:
    """First of ever smaller sets whose best curve is worse than the best of all by ``most``."""
    k = 0
    while True:
        costs = Ladder(pools, steps[0], len(steps)).cost
        k = bisect_right(range(len(steps)), most, lo=k, key=costs)
        if k == len(steps):
            break
        # Between the points of the grid there may be a better curve: look for it, then go on.
        found, pools = _best_in(pools, steps[k])
        if not found or Ladder(pools, steps[k]).cost() > most:
            break
    return k
