r"""The definition taken literally: any falling curve below eta, chance above.

.. math:: \text{ability}(L) = f(L) \text{ for } L < \eta, \quad 0 \text{ for } L \ge \eta,

f non-increasing and not negative (Du et al. 2024, section 4).  f may start as small as it
likes, so no data bound eta from above; they bound it from below, by how far up the loss
axis the scores are still clearly above chance.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from emergence._typing import FloatArray, IntArray
from emergence.engine.problem import Problem
from emergence.interval import Interval


@dataclass(frozen=True, eq=False)
class IsotonicOnset:
    """A falling step curve below ``eta`` (canonical axis) and zero from there on.

    ``levels`` are the fitted abilities at the losses ``knots``; ``bic`` counts each
    distinct level above zero, and eta, as a parameter.
    """

    eta: float
    knots: FloatArray
    levels: FloatArray
    rss: float
    bic: float
    n_params: int

    def ability(self, x: FloatArray) -> FloatArray:
        """Fitted ability; between two losses the level of the higher loss."""
        place = np.clip(np.searchsorted(self.knots, x), 0, self.knots.size - 1)
        return np.where(x < self.eta, self.levels[place], 0.0)


def _levels(problem: Problem, y: FloatArray, below: int) -> FloatArray:
    """Non-increasing non-negative fit to the first ``below`` points, zero for the rest."""
    out = np.zeros(y.size)
    if below:
        weights = problem.root_w[:below] ** 2
        fit = isotonic_regression(y[:below], weights=weights, increasing=False)
        out[:below] = np.maximum(fit.x, 0.0)
    return out


def _rss(problem: Problem, y: FloatArray, below: int) -> float:
    rest = (y - _levels(problem, y, below)) * problem.root_w
    return max(float(rest @ rest), 1e-300)


def fit_isotonic(problem: Problem) -> IsotonicOnset:
    """Choose eta by BIC among the candidate thresholds of the problem."""
    n, best = problem.n, None
    for eta in problem.etas():
        below = int(np.searchsorted(problem.x, eta))
        levels = _levels(problem, problem.y, below)
        rss = _rss(problem, problem.y, below)
        k = 1 + int(np.unique(levels[levels > 0]).size)
        bic = n * np.log(rss / n) + k * np.log(n)
        if best is None or bic < best.bic:
            best = IsotonicOnset(float(eta), problem.x, levels, rss=rss, bic=float(bic), n_params=k)
    assert best is not None
    return best


def isotonic_interval(problem: Problem, index: IntArray, level: float) -> Interval:
    """Lower confidence limit of eta, open above; ``index`` (n, size) fixes the residual draws."""
    alpha = 1.0 - level
    etas = problem.etas()

    def accepted(eta: float) -> bool:
        below = int(np.searchsorted(problem.x, eta))
        mu = _levels(problem, problem.y, below)
        residual = (problem.y - mu) * problem.root_w
        k = int(np.unique(mu[mu > 0]).size)
        # An isotonic fit uses up more than one degree of freedom for each of its levels:
        # about 1.5 (Meyer & Woodroofe 2000, Ann. Stat. 28, 1083).
        residual *= np.sqrt(problem.n / max(problem.n - 1.5 * k, 1))

        def statistic(y: FloatArray) -> float:
            return float(np.log(_rss(problem, y, below) / _rss(problem, y, problem.n)))

        observed = statistic(problem.y)
        draws = mu[:, None] + residual[index] / problem.root_w[:, None]
        exceed = sum(statistic(draws[:, j]) >= observed - 1e-9 for j in range(index.shape[1]))
        return (1 + exceed) / (1 + index.shape[1]) > alpha

    low, high = 0, etas.size - 1
    if not accepted(float(etas[high])):
        low = high
    # The lower eta, the more of what is above chance must be noise: the answer changes once.
    while low < high:
        middle = (low + high) // 2
        if accepted(float(etas[middle])):
            high = middle
        else:
            low = middle + 1
    # All eta in one gap between losses give the same curve: the limit is the gap's lower end.
    below = int(np.searchsorted(problem.x, etas[low]))
    limit = problem.to_loss(float(problem.x[below - 1]))
    return Interval(limit, problem.to_loss(1.0), level, "isotonic", open_high=True)
