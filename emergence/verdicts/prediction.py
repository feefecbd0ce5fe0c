"""Prediction: which side says better what it has not seen?

Asked where the tests reject both sides, for then neither is exactly true.  The signed-rank test
of Wilcoxon (Biometrics Bull. 1, 80, 1945), as Diebold and Mariano advise for few or heavy-tailed
errors (J. Bus. Econ. Stat. 13, 253, 1995): of a mean, one run that a side misses by far would
be the less certain evidence the farther it is missed.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from emergence._typing import FloatArray, IntArray
from emergence.curves.catalogue import COMPETING
from emergence.engine.contest import smooth_contest, threshold_contest
from emergence.engine.problem import Problem, subset

_FOLDS = 10
_LEAST_CLUSTERS = 5


def left_out_gain(problems: Sequence[Problem], fit_level: bool) -> float:
    """Gain in squared error on left-out folds, threshold over smooth, as a normal score."""
    # Folds are runs where a curve is of at least three, else every fifth checkpoint of a run, or
    # every tenth point where checkpoints are independent: never the end of a run, which would ask
    # how a curve goes on and not what it is like. The gains are summed in clusters, which are runs
    # where that makes enough of them, else stretches of a fifth of a run.
    gains, clusters, n_clusters = [], [], 0
    for problem in problems:
        fold, cluster = _folds(problem, whole_runs=len(problems) >= _LEAST_CLUSTERS)
        gains.append(_gain(problem, fold, fit_level))
        clusters.append(cluster + n_clusters)
        n_clusters += int(cluster.max()) + 1
    sums = np.bincount(np.concatenate(clusters), np.concatenate(gains))
    return signed_rank_score(sums.astype(float))


def signed_rank_score(gains: FloatArray) -> float:
    """Normal score as rare as the sum W of the ranks of positive gains, exact; 0 at the centre."""
    # Were gains as often negative, rank k would be in the sum with probability 1/2, for every k.
    gains = gains[gains != 0]
    order = np.argsort(np.abs(gains), kind="stable")
    total = int((np.flatnonzero(gains[order] > 0) + 1).sum())
    probability = np.ones(1)
    # The distribution of W by convolution: exact, so that few gains claim no more than they can.
    for rank in range(1, gains.size + 1):
        without = np.append(probability, np.zeros(rank))
        probability = 0.5 * (without + np.roll(without, rank))
    above, below = probability[total:].sum(), probability[: total + 1].sum()
    return float(max(-ndtri(above), 0.0) + min(ndtri(below), 0.0))


def _gain(problem: Problem, fold: IntArray, fit_level: bool) -> FloatArray:
    """Squared error of the smooth side less that of the threshold side, each point left out."""
    gain = np.empty(problem.n)
    for f in np.unique(fold):
        out = fold == f
        train = subset(problem, ~out)
        sides = (smooth_contest(train), threshold_contest(train, COMPETING, fit_level=fit_level))
        errors = []
        for side in sides:
            best = min(side.candidates(), key=lambda c: c.bic)
            errors.append(
                np.square((problem.y[out] - best.ability(problem.x[out])) * problem.root_w[out])
            )
        gain[out] = errors[0] - errors[1]
    return gain


def _folds(problem: Problem, *, whole_runs: bool) -> tuple[IntArray, IntArray]:
    """Fold and cluster of each point; ``whole_runs``: a curve of one run is one cluster."""
    if problem.run is None:
        tenth = np.arange(problem.n) % _FOLDS
        return tenth, tenth
    run = np.unique(problem.run, return_inverse=True)[1]
    n_runs = int(run.max()) + 1
    if n_runs >= _FOLDS:
        return run % _FOLDS, run
    length = np.bincount(run)[run]
    stretch = np.unique(run * 5 + (5 * problem.rank) // length, return_inverse=True)[1]
    fold = run if n_runs >= 3 else problem.rank % 5
    return fold, run if n_runs == 1 and whole_runs else stretch
