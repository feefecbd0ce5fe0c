r"""Intervals for eta: invert a test of every eta by the constrained bootstrap.

For a candidate eta the statistic is the criterion of the best shape with its onset there,
minus the criterion of the best shape anywhere.  Its distribution is simulated from the fit
*constrained* to that eta: curve plus resampled residuals, shapes re-selected in every
replicate.  The interval holds the eta whose p-value exceeds 1 - level.  Near a kink of
unknown shape neither the chi-square nor a bootstrap around the unconstrained fit keeps its
promise; this one does (docs/statistics).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
        families = self.contest.families
        here = threshold_contest(p, families, fit_level=self.contest.fit_level, etas=np.array([x0]))
        observed = self._statistic(self.contest, here, p.wy[:, None])[0]
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

    def _under(self, null: Candidate, here: Contest, observed: float, alpha: float | None) -> float:
        """Bootstrap p-value under one curve with its onset at the place tested."""
        p = self.contest.problem
        columns = replicas(p, null.ability(p.x), null.n_params - 1, self.errors)
        contest = self.contest.shortlist(columns)
        size, exceed, done = columns.shape[1], 0, 0
        looks = [] if alpha is None else [look for look in _LOOKS if look < size]
        for stop in (*looks, size):
            # Ties by rounding count as exceeding, so that a perfect fit is never rejected.
            exceed += int(
                (self._statistic(contest, here, columns[:, done:stop]) >= observed - TIE).sum()
            )
            done = stop
            estimate = (1 + exceed) / (1 + done)
            if done == size:
                break
            if alpha is not None and abs(estimate - alpha) > 3 * np.sqrt(alpha / done):
                break
        return estimate

    @staticmethod
    def _statistic(contest: Contest, here: Contest, columns: FloatArray) -> FloatArray:
        constrained = here.best(columns)
        # A constraint can only cost: where it seems to gain, the grid missed the free fit.
        statistic: FloatArray = constrained - np.minimum(contest.best(columns), constrained)
        return statistic


def invert(
    accepts: Callable[[float], bool],
    start: float,
    edges: tuple[float, float],
    guesses: tuple[float, float],
    tolerance: float,
) -> tuple[float, float, bool, bool]:
    """Ends of the accepted set around ``start``, by bisection between it and ``edges``.

    ``guesses`` are places likely to lie just outside; where one is accepted, the search runs
    to the edge.  Returns the two ends and whether each is open: the edge itself is accepted.
    """

    def end(edge: float, guess: float) -> tuple[float, bool]:
        inside, outside = start, guess
        if accepts(guess):
            if guess == edge or accepts(edge):
                return edge, True
            inside, outside = guess, edge
        while abs(outside - inside) > tolerance:
            middle = 0.5 * (inside + outside)
            if accepts(middle):
                inside = middle
            else:
                outside = middle
        return outside, False  # the rejected end of the last bracket: never too short

    (lo, open_low), (hi, open_high) = (end(e, g) for e, g in zip(edges, guesses, strict=True))
    return lo, hi, open_low, open_high


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


def eta_interval(contest: Contest, errors: ErrorSource, start: float, level: float) -> Interval:
    """Profile interval of eta in units of loss, around ``start`` (canonical axis)."""
    # The search runs over the thresholds that the contest's grid spans, to 1/500 of it.
    p = contest.problem
    # Curves that the data rule out by far are no part of any test.
    test = EtaTest(contest.within(p.wy[:, None], _HOPELESS), errors)
    alpha = 1.0 - level
    assert contest.etas is not None
    etas, profile = contest.etas, contest.profiles(p.wy[:, None])[:, 0]
    edges = float(etas[0]), float(etas[-1])
    # Twice the chi-square point is beyond the critical value of most eta (a guess, tested).
    near = etas[profile - profile.min() <= 2.0 * chdtri(1, alpha)]
    below, above = etas[etas < min(near[0], start)], etas[etas > max(near[-1], start)]
    guesses = (
        float(below[-1]) if below.size else edges[0],
        float(above[0]) if above.size else edges[1],
    )
    low, high, open_low, open_high = invert(
        lambda x0: test.p_value(x0, alpha) > alpha, start, edges, guesses, 2e-3
    )
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
