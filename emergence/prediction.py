"""Prediction: which side says better what it has not seen?

Asked where the tests reject both sides, for then neither is exactly true.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtr

from emergence._typing import FloatArray, IntArray
from emergence.contest import smooth_contest, threshold_contest
from emergence.families import THRESHOLD_FAMILIES
from emergence.problem import Problem, subset

_FOLDS = 10
_LEAST_CLUSTERS = 5


def left_out_gain(problems: Sequence[Problem], fit_level: bool) -> float:
    """Gain in squared error on left-out folds, threshold over smooth, in standard errors.

    Folds are runs where a curve is of at least three, else every fifth checkpoint of a run, or
    every tenth point where checkpoints are independent: never the end of a run, which would ask
    how a curve goes on and not what it is like.  The standard error is clustered: by run where
    that makes enough clusters, else by stretches of a fifth of a run.
    """
    gains, clusters, n_clusters = [], [], 0
    for problem in problems:
        fold, cluster = _folds(problem, whole_runs=len(problems) >= _LEAST_CLUSTERS)
        gains.append(_gain(problem, fold, fit_level))
        clusters.append(cluster + n_clusters)
        n_clusters += int(cluster.max()) + 1
    total = np.bincount(np.concatenate(clusters), np.concatenate(gains))
    spread = float(np.sqrt(total.size) * total.std(ddof=1))
    if spread == 0:
        return 0.0
    t = float(total.sum()) / spread
    # With few clusters t is wider than normal: the normal score that is as rare, with its sign.
    return float(np.copysign(ndtri(stdtr(total.size - 1, -abs(t))), t))


def _gain(problem: Problem, fold: IntArray, fit_level: bool) -> FloatArray:
    """Squared error of the smooth side less that of the threshold side, each point left out."""
    gain = np.empty(problem.n)
    for f in np.unique(fold):
        out = fold == f
        train = subset(problem, ~out)
        sides = (
            smooth_contest(train),
            threshold_contest(train, THRESHOLD_FAMILIES, fit_level=fit_level),
        )
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
