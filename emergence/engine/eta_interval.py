r"""Intervals for eta: invert a test of every eta by the constrained bootstrap.

For a candidate eta the statistic is the criterion of the best shape with its onset there,
minus the criterion of the best shape anywhere.  Its distribution is simulated from the fit
*constrained* to that eta: curve plus resampled residuals, shapes re-selected in every
replicate.  The interval holds the eta whose p-value exceeds 1 - level.  Near a kink of
unknown shape neither the chi-square nor a bootstrap around the unconstrained fit keeps its
promise; this one does (docs/statistics).

How large the statistic is by chance changes slowly around an end, while that of the data is known
everywhere at once.  So an end is the outermost place where the two cross: the first is simulated at
a guess, then where they would cross by what was seen, until they do.  Far beyond, where hardly a
plateau is left, chance alone may make it as large again; such places are no part of the interval.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import chdtri

from emergence._typing import FloatArray, IntArray
from emergence.curves.family import Family
from emergence.engine.contest import Candidate, Contest, threshold_contest
from emergence.engine.grid import TIE, amplitudes, curve
from emergence.engine.hinge_search import pairs_hinge
from emergence.engine.replicates import ErrorSource, replicas
from emergence.errors import MethodRefused
from emergence.interval import Interval, percentile, symmetric

# Every curve within this much BIC (or two log n) of the best with its onset at a place may be true.
_NEAR, _HOPELESS = 10.0, 60.0
# Looks at so many of the draws settle an eta whose p-value is 3 standard errors away.
_LOOKS = (99, 199, 499)
# The share of simulated statistics by which curves are compared; what 95% of them stay below, as a
# multiple of the chi-square point, before any is simulated.
_HIGH, _USUAL = 0.9, 1.5
# An end lies within _APART of a place that was simulated, and is known to _FINE of the axis; a gap
# of the grid is looked at in so many parts.
# What is simulated at two places goes straight between them if it differs by less than _ALIKE.
_APART, _FINE, _PARTS, _ALIKE = 2e-3, 1.5e-3, 8, 1.5


@dataclass(frozen=True, eq=False)
class EtaTest:
    """Test of "the onset is at x0" among the shapes of a contest."""

    contest: Contest
    errors: ErrorSource

    def p_value(self, x0: float, alpha: float | None = None) -> float:
        """Largest bootstrap p-value of an onset at x0 (canonical axis), over curves that may be.

        With ``alpha`` a look at some of the draws may settle on which side of it the p-value lies;
        nothing is then fitted to the rest.
        """
        p = self.contest.problem
        here = self._at(np.array([x0]))
        observed = self.statistic(self.contest, here, p.wy[:, None])[0]
        if alpha is not None and observed < 0.5 * chdtri(1, alpha):
            return 1.0  # no test of one parameter rejects so little
        # A null is a curve with its onset at x0: replicates of the best curve of all would ask how
        # eta scatters about the estimate, which near a kink or a jump is no test of x0.
        p_value = 0.0
        for null in here.polished_at_eta(max(_NEAR, 2.0 * np.log(p.n))):
            p_value = max(p_value, self._under(null, here, observed, alpha))
            if alpha is not None and p_value > alpha:
                break  # one of the curves that may be true does not reject it
        return p_value

    def cost(self, x: FloatArray) -> FloatArray:
        """Statistic of the data at places x."""
        column = self.contest.problem.wy[:, None]
        profile = self._at(x).profiles(column)[:, 0]
        return np.maximum(profile - self.contest.best(column)[0], 0.0)

    def by_chance(self, x0: float) -> FloatArray:
        """Statistic of replicates of an onset at x0, ascending."""
        here = self._at(np.array([x0]))
        nulls = here.polished_at_eta(max(_NEAR, 2.0 * np.log(self.contest.problem.n)))
        looks = [_Look(self, null, here) for null in nulls]
        # Of the curves that may be true the one whose statistic is the largest is simulated on.
        first = [look.statistics(0, _LOOKS[1]) for look in looks]
        worst = int(np.argmax([np.quantile(values, _HIGH) for values in first]))
        found = [first[worst]]
        if looks[worst].columns.shape[1] > _LOOKS[1]:
            found.append(looks[worst].statistics(_LOOKS[1], None))
        return np.sort(np.concatenate(found))

    def _at(self, etas: FloatArray) -> Contest:
        c = self.contest
        return threshold_contest(c.problem, c.families, fit_level=c.fit_level, etas=etas)

    def _under(self, null: Candidate, here: Contest, observed: float, alpha: float | None) -> float:
        """Bootstrap p-value under one curve with its onset at the place tested."""
        look = _Look(self, null, here)
        size, exceed, done = look.columns.shape[1], 0, 0
        stops = [] if alpha is None else [stop for stop in _LOOKS if stop < size]
        for stop in (*stops, size):
            # Ties by rounding count as exceeding, so that a perfect fit is never rejected.
            exceed += int((look.statistics(done, stop) >= observed - TIE).sum())
            done = stop
            estimate = (1 + exceed) / (1 + done)
            if done == size:
                break
            if alpha is not None and abs(estimate - alpha) > 3 * np.sqrt(alpha / done):
                break
        return estimate

    @staticmethod
    def statistic(contest: Contest, here: Contest, columns: FloatArray) -> FloatArray:
        """BIC that the onset of one contest costs beside all of another, for each data set."""
        constrained = here.best(columns)
        # A constraint can only cost: where it seems to gain, the grid missed the free fit.
        statistic: FloatArray = constrained - np.minimum(contest.best(columns), constrained)
        return statistic


@dataclass(frozen=True, eq=False)
class _Look:
    """Replicates of one curve with its onset at the place of a contest, some of them at a time."""

    test: EtaTest
    null: Candidate
    here: Contest

    @cached_property
    def columns(self) -> FloatArray:
        """Replicates, one a column."""
        p = self.here.problem
        return replicas(p, self.null.ability(p.x), self.null.n_params - 1, self.test.errors)

    @cached_property
    def _free(self) -> Contest:
        return self.test.contest.shortlist(self.columns)

    def statistics(self, start: int, stop: int | None) -> FloatArray:
        """Statistic of some of them."""
        return self.test.statistic(self._free, self.here, self.columns[:, start:stop])


@dataclass(frozen=True, eq=False)
class EtaProfile:
    """Cost of an onset, the statistic of the data, at places ``x``, ascending.

    What is simulated at a place is kept: intervals of other levels ask for much of it again.
    """

    start: float
    x: FloatArray
    cost: FloatArray
    _by_chance: dict[float, FloatArray] = field(default_factory=dict, repr=False)

    def end(self, test: EtaTest, alpha: float, side: int) -> tuple[float, bool]:
        """Outermost place to one side that is not rejected, or the edge; whether the end is open.

        Beyond the outermost place that is simulated, what comes by chance is taken to be as there.
        """
        most: dict[float, float] = {}  # the critical value at places that were simulated
        ahead = side * (self.x - self.start) > 0
        x, cost = self.x[ahead][::side], self.cost[ahead][::side]
        if not x.size:
            return self.start, True
        while True:
            inner, outer = _bracket(self.start, x, cost, most or alpha)
            if abs(outer - inner) > _FINE:
                # Between two places of the grid a jump or a narrow peak may hide.
                between = np.sort(np.linspace(inner, outer, _PARTS + 1)[1:-1])
                x, cost = np.append(x, between), np.append(cost, test.cost(between))
                order = np.argsort(side * x)
                x, cost = x[order], cost[order]
            elif (place := _unsure(outer, most)) is None:
                return outer, inner == outer
            else:
                # On a lattice, so that another level finds it; but the edge is the edge.
                place = place if inner == outer else _APART * round(place / _APART)
                if place not in self._by_chance:
                    self._by_chance[place] = test.by_chance(place)
                most[place] = _critical(self._by_chance[place], alpha)


def _bracket(
    start: float, x: FloatArray, cost: FloatArray, most: dict[float, float] | float
) -> tuple[float, float]:
    """Last place outwards that is not rejected, and the next one; twice the edge if none.

    ``most`` holds critical values, or the level where none is known yet.
    """
    if isinstance(most, dict):
        places = sorted(most)
        bound = np.interp(x, places, [most[p] for p in places])
    else:
        bound = np.full(x.size, _USUAL * chdtri(1, most))
    outwards = np.concatenate([[start], x, x[-1:]])
    last = 1 + int(np.max(np.flatnonzero(cost <= bound), initial=-1))
    return float(outwards[last]), float(outwards[min(last + 1, outwards.size - 1)])


def _unsure(place: float, most: dict[float, float]) -> float | None:
    """Where to simulate before the end is said to be at a place; None where that is enough."""
    known = sorted(most)
    i = bisect_left(known, place)
    around = known[max(i - 1, 0) : i + 1]
    if not around or min(abs(p - place) for p in around) > _APART:
        return place
    if len(around) == 2 and around[1] - around[0] > 2 * _APART:
        # A point between them, or shapes between those of the grid, make it jump.
        low, high = sorted(most[p] for p in around)
        if high > _ALIKE * low:
            return 0.5 * (around[0] + around[1])
    return None


def _critical(by_chance: FloatArray, alpha: float) -> float:
    """Largest statistic whose p-value, (1 + as large) / (1 + draws), is above alpha."""
    most = int(alpha * (1 + by_chance.size) + 1e-9)
    # Ties by rounding count as exceeding, so that a perfect fit is never rejected.
    return float(by_chance[by_chance.size - most]) + TIE


def pairs_interval(
    contest: Contest,
    estimate: float,
    level: float,
    method: str,
    n_boot: int,
    rng: np.random.Generator,
    known_hinge: bool,
) -> Interval:
    """Pairs-bootstrap interval of the exact hinge; MethodRefused where it is known to fail."""
    p = contest.problem.whole
    if not known_hinge:
        raise MethodRefused(
            f"method {method!r} holds for shape='hinge' alone (for a jump it covers as little "
            "as 1% instead of 95%); use method='profile'"
        )
    if p.run is not None:
        raise MethodRefused(
            f"method {method!r} takes checkpoints as independent, but these belong to runs; "
            "use method='profile'"
        )
    draws = pairs_hinge(p.x, p.y, n_boot, rng, p.root_w**2, fit_plateau=contest.fit_level)
    etas = p.low + p.span * draws.eta
    ends = percentile(etas, level) if method == "percentile" else symmetric(estimate, etas, level)
    return Interval(*ends, level, method)


def eta_profile(contest: Contest, start: float) -> EtaProfile:
    """Profile of the thresholds that a contest's grid spans, around ``start`` (canonical axis)."""
    assert contest.etas is not None
    profile = contest.profiles(contest.problem.wy[:, None])[:, 0]
    return EtaProfile(start, contest.etas, profile - profile.min())


def eta_interval(
    profile: EtaProfile, contest: Contest, errors: ErrorSource, level: float
) -> Interval:
    """Profile interval of eta in units of loss."""
    p = contest.problem
    # Curves that the data rule out by far are no part of any test.
    test = EtaTest(contest.within(p.wy[:, None], _HOPELESS), errors)
    (low, open_low), (high, open_high) = (profile.end(test, 1.0 - level, side) for side in (-1, 1))
    ends = float(p.to_loss(low)), float(p.to_loss(high))
    return Interval(*ends, level, "profile", open_low, open_high)


def replicates(
    contest: Contest, best: Candidate, errors: ErrorSource
) -> Iterator[tuple[Family, IntArray, FloatArray, FloatArray]]:
    """Refit every replicate of the best curve, the shape chosen anew in each.

    Yields every shape that wins some, which replicates, their parameters and their data.
    """
    p = contest.problem
    columns = replicas(p, best.ability(p.x), best.n_params - 1, errors)
    contest = contest.shortlist(columns)
    # Chosen anew each time, so that what the choice of a shape adds is in the spread.
    winner = contest.criteria(columns).argmin(axis=0)
    for i, family in enumerate(contest.families):
        mine = np.flatnonzero(winner == i)
        if mine.size:
            shapes = contest.stack.only([i])
            theta = shapes.parameters(shapes.gains(columns[:, mine]).argmax(axis=0), 0)
            yield family, mine, theta, columns[:, mine]


def curve_draws(
    contest: Contest, best: Candidate, errors: ErrorSource, x: FloatArray
) -> FloatArray:
    """Fitted ability at x in every replicate, shape (replicates, places)."""
    p = contest.problem
    parts = []
    for family, mine, theta, columns in replicates(contest, best, errors):
        amps = amplitudes(family, theta, p, columns, fit_level=contest.free(family))
        parts.append((mine, curve(family, theta, amps, x)))
    out = np.empty((sum(mine.size for mine, _ in parts), x.size))
    for mine, values in parts:
        out[mine] = values
    return out


def eta_replicates(contest: Contest, best: Candidate, errors: ErrorSource) -> FloatArray:
    """Eta (canonical axis) in every replicate."""
    found = [(mine, theta[:, 0]) for _, mine, theta, _ in replicates(contest, best, errors)]
    out = np.empty(sum(mine.size for mine, _ in found))
    for mine, etas in found:
        out[mine] = etas
    return out
