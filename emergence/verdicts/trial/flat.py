"""Flat: does the score depend on the loss at all, and does it ever leave chance?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtr

from emergence._typing import FloatArray, IntArray
from emergence.engine.grid import bic, residual_ss
from emergence.engine.problem import Problem
from emergence.engine.replicates import ErrorSource, replicas
from emergence.engine.runs.sides import Side
from emergence.records.points import Points

# Pure noise rules out no shape, so the test of "flat" looks at a part of the grid.
_THIN = 3
# A run is judged by a tenth of its checkpoints, at least so many; levels of being above chance.
_FEW, _CLEAR, _PERHAPS = 3, 0.025, 0.16
_EXACT = 1e-12  # variance of scores without errors: of rounding, in ability


class AboveChance(NamedTuple):
    """Whether scores end above chance: clearly, or by one standard error; the runs that do.

    ``judged`` is the number of runs with checkpoints enough to say.
    """

    clearly: bool
    perhaps: bool
    able: tuple[str, ...]
    judged: int


def above_chance(thresholds: Side, smooth: Side) -> AboveChance:
    """Whether the scores at the lowest losses are above chance, over all or in one of the runs.

    Models below chance do not take from what another can do.  The levels are those of one test,
    however many runs there are (Bonferroni).
    """
    top = variance = independent = 0.0
    found: list[tuple[float, str]] = []
    for onsets, curves in zip(thresholds.parts, smooth.parts, strict=True):
        problem = onsets.problem.whole
        best = min((*onsets.candidates(), *curves.candidates()), key=lambda c: c.bic)
        # The error of the mean of a tenth of the points; where these share runs, of as many as the
        # runs that tenth holds.  Over the parts both differences and errors add up.
        few = max(problem.n // 10, _FEW)
        residual = (problem.y - best.ability(problem.x)) * problem.root_w
        count = few if problem.run is None else int(np.unique(problem.run[:few]).size)
        error = float(residual @ residual) / max(problem.n - best.n_params, 1)
        variance += error / count
        independent += error / few
        top += float(best.ability(problem.x[:few]).max())
        found += _runs_above(problem, error)
    level = _CLEAR / (len(found) + 1)
    able = tuple(name for p, name in found if p <= level)
    one, other = (float(ndtr(-top / np.sqrt(max(v, _EXACT)))) for v in (variance, independent))
    return AboveChance(bool(able) or one <= level, other <= _PERHAPS, able, len(found))


def _runs_above(problem: Problem, error: float) -> list[tuple[float, str]]:
    """p-value of "not above chance" of every run, and its name."""
    if problem.run is None:
        return []
    noise, out = problem.run_model.noise, []
    for r in np.unique(problem.run):
        rows = np.flatnonzero(problem.run == r)
        few = rows[: max(rows.size // 10, _FEW)]  # of the lowest losses
        # Checkpoints share their items: the mean of several is no better known than one of them.
        own = error / np.square(problem.root_w[few])
        if problem.precision.unit is not None:
            own = np.maximum(own, _of_items(problem.points, few))
        variance = float(own.mean()) + (noise.offset_var if noise is not None else 0.0)
        z = float(problem.y[few].mean()) / np.sqrt(max(variance, 1e-300))
        if rows.size >= _FEW:
            out.append((float(ndtr(-z)), str(problem.points.run[few[0]])))  # type: ignore[index]
    return out


def _of_items(points: Points, rows: IntArray) -> FloatArray:
    """Binomial variance of some abilities."""
    assert points.n_items is not None
    share = np.clip(points.value[rows], 0.0, 1.0)
    scale = (points.best - points.chance) ** 2
    return np.asarray(share * (1.0 - share) / points.n_items[rows] / scale)


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
        rest, slope = np.zeros((2, columns[0].shape[1]))
        for column, level, line in zip(columns, levels, lines, strict=True):
            total = np.einsum("ij,ij->j", column, column)
            rest += residual_ss(total, np.square(level @ column))
            slope += line @ column
        constant = bic(rest, [p.n for p in problems], 1)
        rises = slope / np.sqrt(rest)
        return constant - np.minimum(*(side.best(columns) for side in sides)), rises

    seen = statistics([p.wy[:, None] for p in problems])
    null = statistics(
        [
            replicas(
                p, np.full(p.x.size, float(level @ p.wy) / np.sqrt(p.ones @ p.ones)), 1, source
            )
            for p, level, source in zip(problems, levels, errors, strict=True)
        ]
    )
    falls, rises = (_p(b >= a[0] - 1e-9) for a, b in zip(seen, null, strict=True))
    return falls, rises


def level_runs(problems: Sequence[Problem]) -> float:
    """p-value of "no fall of the score with the loss" from the slopes of the runs, a t-test."""
    # Runs are independent whatever the errors inside them do; errors that follow each other closely
    # could by themselves make a rise in each of them, but not in all.
    singles = [p.whole for p in problems]
    slopes = np.array([np.cov(p.x, p.y)[0, 1] / np.var(p.x, ddof=1) for p in singles])
    error = float(slopes.std(ddof=1)) / np.sqrt(slopes.size)
    return float(stdtr(slopes.size - 1, slopes.mean() / max(error, 1e-300)))


def _level_and_line(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Unit rows of a constant, and of a line across it."""
    level = problem.level
    line = problem.white(problem.x[None])[0]
    line -= (level @ line) * level
    return level, line / np.sqrt(line @ line)
