r"""Shared eta: one threshold under the curves of several tasks.

With :math:`B_t(\eta)` the criterion of the best shape of task t whose onset is at :math:`\eta`,

.. math:: T = \min_\eta \sum_t B_t(\eta) - \sum_t \min_\eta B_t(\eta)

is small when one threshold serves all.  Its distribution is simulated from the fits constrained to
the shared eta.  Tasks scored on the same checkpoints draw the same checkpoints in every replicate,
so what their errors have in common stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emergence._random import Stream, child
from emergence._typing import FloatArray
from emergence.engine.contest import Contest, threshold_contest
from emergence.engine.grid import TIE
from emergence.engine.replicates import ResampledErrors, replicas
from emergence.errors import DataError
from emergence.interval import Interval, check_level

_ETAS, _MOST_GAPS = 121, 240


@dataclass(frozen=True, eq=False)
class SharedCurves:
    """Contests of the tasks over the thresholds that they share, and the residuals to draw."""

    contests: tuple[Contest, ...]
    index: tuple[ResampledErrors, ...]
    n_boot: int

    @property
    def etas(self) -> FloatArray:
        """Thresholds that all contests try, nats."""
        return _grid(self.contests[0])

    def fit(self) -> tuple[float, float]:
        """Shared eta, and the p-value of one eta for all."""
        profiles = [c.profiles(c.problem.wy[:, None])[:, 0] for c in self.contests]
        total = np.sum(profiles, axis=0)
        eta = float(self.etas[int(total.argmin())])
        columns = _simulated(self.contests, self.index, eta)
        apart = [c.profiles(data) for c, data in zip(self.contests, columns, strict=True)]
        null = np.sum(apart, axis=0).min(axis=0) - sum(p.min(axis=0) for p in apart)
        observed = total.min() - sum(p.min() for p in profiles)
        return eta, float((1 + np.sum(null >= observed - TIE)) / (1 + self.n_boot))

    def interval(self, eta: float, level: float) -> Interval:
        """Interval of the shared eta: those that are not rejected."""
        check_level(level, self.n_boot)
        (low, open_low), (high, open_high) = (
            self._end(eta, float(self.etas[k]), level) for k in (0, -1)
        )
        return Interval(low, high, level, "profile", open_low=open_low, open_high=open_high)

    def _end(self, eta: float, edge: float, level: float) -> tuple[float, bool]:
        """First eta towards an edge that is rejected, by bisection, or the edge if it is not."""
        if self.p_value(edge) > 1.0 - level:
            return edge, True
        inside, outside = eta, edge
        while abs(outside - inside) > 2e-3 * float(np.ptp(self.etas)):
            middle = 0.5 * (inside + outside)
            if self.p_value(middle) > 1.0 - level:
                inside = middle
            else:
                outside = middle
        return outside, False  # never too short

    def p_value(self, eta: float) -> float:
        """Test of "the shared threshold is eta"."""
        grid = self.etas

        def statistic(columns: list[FloatArray]) -> FloatArray:
            here = np.zeros(columns[0].shape[1])
            free = np.zeros((grid.size, columns[0].shape[1]))
            for contest, data in zip(self.contests, columns, strict=True):
                here += _at(contest, eta).best(data)
                free += contest.profiles(data)
            out: FloatArray = here - np.minimum(free.min(axis=0), here)
            return out

        observed = statistic([c.problem.wy[:, None] for c in self.contests])[0]
        null = statistic(_simulated(self.contests, self.index, eta))
        return float((1 + np.sum(null >= observed - TIE)) / (1 + null.size))


def share_curves(
    contests: Sequence[Contest], n_boot: int, seed: np.random.SeedSequence
) -> SharedCurves:
    """Contests of several tasks over the thresholds that they share."""
    losses = _shared_grid(contests)
    over = tuple(_over(contest, losses) for contest in contests)
    return SharedCurves(over, _draws(over, n_boot, seed), n_boot)


def _shared_grid(contests: Sequence[Contest]) -> FloatArray:
    """Thresholds to try: even steps, and the gaps between the losses of all tasks."""
    # A jump of one task fits anywhere in a gap; what several have in common may be narrower than an
    # even step.
    grids = [_grid(contest) for contest in contests]
    low, high = max(g[0] for g in grids), min(g[-1] for g in grids)
    if low >= high:
        raise DataError("the losses of these tasks do not overlap; there is no eta to share")
    losses = np.unique(np.concatenate([c.problem.points.loss for c in contests]))
    gaps = 0.5 * (losses[1:] + losses[:-1])
    gaps = gaps[(gaps >= low) & (gaps <= high)]
    some = gaps[np.unique(np.linspace(0, gaps.size - 1, min(gaps.size, _MOST_GAPS)).astype(int))]
    return np.unique(np.concatenate([np.linspace(low, high, _ETAS), some]))


def _grid(contest: Contest) -> FloatArray:
    """Thresholds that a contest tries, nats."""
    etas: FloatArray = np.asarray(contest.etas)
    return contest.problem.low + contest.problem.span * etas


def _over(contest: Contest, losses: FloatArray) -> Contest:
    """Contest over these thresholds, nats."""
    problem = contest.problem.whole
    return threshold_contest(
        problem, contest.families, fit_level=contest.fit_level, etas=problem.to_x(losses)
    )


def _at(contest: Contest, eta: float) -> Contest:
    """Contest at one threshold, nats."""
    return _over(contest, np.array([eta]))


def _draws(
    contests: Sequence[Contest], n_boot: int, seed: np.random.SeedSequence
) -> tuple[ResampledErrors, ...]:
    """Residuals to draw for each task: the same ones where the checkpoints are the same."""
    first, n = contests[0].problem.points.loss, [c.problem.n for c in contests]
    same = all(np.array_equal(c.problem.points.loss, first) for c in contests)
    out = []
    for t, size in enumerate(n):
        rng = child(seed, Stream.SHARED_THRESHOLD, 0 if same else t)
        out.append(ResampledErrors(rng.integers(0, size, (n_boot, size)).T, contests[t].problem.x))
    return tuple(out)


def _simulated(
    contests: tuple[Contest, ...], index: tuple[ResampledErrors, ...], eta: float
) -> list[FloatArray]:
    """Replicates of every task, each constrained to the threshold eta."""
    out = []
    for contest, source in zip(contests, index, strict=True):
        best = _at(contest, eta).polished_at_eta(0.0)[0]
        problem = contest.problem
        out.append(replicas(problem, best.ability(problem.x), best.n_params - 1, source))
    return out
