"""Flat: does the score depend on the loss at all, and does it ever leave chance?"""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr

from emergence._typing import FloatArray
from emergence.engine.grid import joint_bic, residual_ss
from emergence.engine.problem import Problem
from emergence.engine.replicates import ErrorSource, replicas
from emergence.engine.sides import Side

# Pure noise rules out no shape, so the test of "flat" looks at a part of the grid.
_THIN = 3


def above_chance(thresholds: Side, smooth: Side) -> bool:
    """Compare the best curve with chance, by the error of the mean of a tenth of the points."""
    # Where points share runs it is that of as many runs as that tenth holds. Over the parts both
    # differences and errors add up.
    top = variance = 0.0
    for onsets, curves in zip(thresholds.parts, smooth.parts, strict=True):
        problem = onsets.problem
        best = min((*onsets.candidates(), *curves.candidates()), key=lambda c: c.bic)
        few = max(problem.n // 10, 3)
        residual = (problem.y - best.ability(problem.x)) * problem.root_w
        count = few if problem.run is None else int(np.unique(problem.run[:few]).size)
        variance += float(residual @ residual) / max(problem.n - best.n_params, 1) / count
        top += float(best.ability(problem.x[:few]).max())
    return bool(top > 2.0 * np.sqrt(variance))


def _p(exceed: np.ndarray) -> float:
    return float((1 + exceed.sum()) / (1 + exceed.size))


def flat_tests(
    thresholds: Side, smooth: Side, errors: Sequence[ErrorSource]
) -> tuple[float, float]:
    """p-values of "constant" against any falling curve, and against a rising line."""
    sides = thresholds.thinned(_THIN), smooth.thinned(_THIN)
    problems = thresholds.problems
    levels, lines = zip(*map(_level_and_line, problems), strict=True)

    def statistics(columns: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        rests, slope = [], np.zeros(columns[0].shape[1])
        for column, level, line in zip(columns, levels, lines, strict=True):
            total = np.einsum("ij,ij->j", column, column)
            rests.append(residual_ss(total, np.square(level @ column)))
            slope += line @ column
        constant = joint_bic(rests, [p.n for p in problems], [1] * len(problems))
        rises = slope / np.sqrt(np.sum(rests, axis=0))
        return constant - np.minimum(*(side.best(columns) for side in sides)), rises

    seen = statistics([p.wy[:, None] for p in problems])
    null = statistics(
        [
            replicas(p, np.full(p.n, float(level @ p.wy) / np.sqrt(p.ones @ p.ones)), 1, source)
            for p, level, source in zip(problems, levels, errors, strict=True)
        ]
    )
    falls, rises = (_p(b >= a[0] - 1e-9) for a, b in zip(seen, null, strict=True))
    return falls, rises


def level_runs(problems: Sequence[Problem]) -> float:
    """p-value of "no fall of the score with the loss" from the slopes of the runs, a t-test."""
    # Runs are independent whatever the errors inside them do; errors that follow each other closely
    # could by themselves make a rise in each of them, but not in all.
    slopes = np.array([np.cov(p.x, p.y)[0, 1] / np.var(p.x, ddof=1) for p in problems])
    error = float(slopes.std(ddof=1)) / np.sqrt(slopes.size)
    return float(stdtr(slopes.size - 1, slopes.mean() / max(error, 1e-300)))


def _level_and_line(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Unit rows of a constant, and of a line across it."""
    level = problem.ones / np.sqrt(problem.ones @ problem.ones)
    line = problem.white(problem.x[None])[0]
    line -= (level @ line) * level
    return level, line / np.sqrt(line @ line)
