"""Sides: the shapes of one side of the evidence, on all runs together or on each run apart.

Where runs have curves of their own, these are of one family, with parameters of their own.  The
families then compete by one BIC over the runs, whose errors have a variance in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emergence._typing import FloatArray
from emergence.curves.catalogue import COMPETING
from emergence.engine.contest import Candidate, Contest, smooth_contest, threshold_contest
from emergence.engine.grid import bic, least_bic
from emergence.engine.problem import Problem, subset, with_run_noise
from emergence.interval import even
from emergence.noise.runs import RunNoise, fit_run_noise

_ROUNDS = 3  # of curves and covariance in turn


@dataclass(frozen=True, eq=False)
class Curves:
    """One family with its parameters for every part."""

    parts: tuple[Candidate, ...]
    bic: float

    @property
    def name(self) -> str:
        """Name of the family."""
        return self.parts[0].family.name


@dataclass(frozen=True, eq=False)
class RunCurves:
    """Best curves of either side where each run has its own, made when first drawn."""

    problem: Problem
    onsets: Side
    smooths: Side

    @cached_property
    def threshold(self) -> Curves:
        """Best onset."""
        return self.onsets.refined()[0]

    @cached_property
    def smooth(self) -> Curves:
        """Best smooth curve."""
        return self.smooths.refined()[0]

    def draw(self, curves: Curves) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Losses and scores along the curve of each run, as far as its points reach."""
        assert self.problem.run is not None
        for r, part in enumerate(curves.parts):
            x = even(self.problem.x[self.problem.run == r])
            losses = self.problem.low + self.problem.span * x
            yield losses, self.problem.to_value(part.ability(x))


@dataclass(frozen=True, eq=False)
class Side:
    """Contests of one side: a single one, or one for each run."""

    parts: tuple[Contest, ...]

    @property
    def problems(self) -> list[Problem]:
        """Problem of each part."""
        return [part.problem for part in self.parts]

    def best(self, columns: Sequence[FloatArray]) -> FloatArray:
        """Best BIC over the families, for each data set."""
        pairs = zip(self.parts, columns, strict=True)
        rss = np.sum([part.stack.least_rss(column) for part, column in pairs], axis=0)
        return least_bic(rss, [p.n for p in self.problems], self.parts[0].stack.n_params)

    def thinned(self, step: int) -> Side:
        """Same side with every ``step``-th parameter set of each shape."""
        return Side(tuple(part.thinned(step) for part in self.parts))

    def refined(self) -> list[Curves]:
        """Every family at its best parameters, best first."""
        of_parts = [{c.family.name: c for c in part.refined(starts=1)} for part in self.parts]
        found = [
            self.curves(tuple(of_part[name] for of_part in of_parts))
            for name in of_parts[0]
            if all(name in of_part for of_part in of_parts)
        ]
        return sorted(found, key=lambda c: c.bic)

    def rough(self) -> list[Curves]:
        """Every family that all parts have, at its best parameters of the grid."""
        of_parts = [{c.family.name: c for c in part.candidates()} for part in self.parts]
        return [
            self.curves(tuple(of_part[name] for of_part in of_parts))
            for name in of_parts[0]
            if all(name in of_part for of_part in of_parts)
        ]

    def polished(self, name: str) -> Curves:
        """One family at its best parameters."""
        return self.curves(tuple(part.only(name).refined(starts=1)[0] for part in self.parts))

    def curves(self, parts: tuple[Candidate, ...]) -> Curves:
        """One family's candidates for every part, with their common criterion."""
        n = [p.n for p in self.problems]
        value = bic(sum(c.rss for c in parts), n, parts[0].n_params)
        return Curves(parts, float(value))


def sides_by_run(problem: Problem, *, fit_level: bool) -> tuple[Side, Side]:
    """Threshold and smooth side with a curve for each run."""
    # The covariance of the errors is estimated around these curves, in turn with them. Around a
    # common curve it would take what runs differ by for errors, the larger the more they differ.
    for _ in range(_ROUNDS):
        sides = _apart(problem, fit_level=fit_level)
        noise = _noise_around(problem, *sides)
        if noise == problem.run_model.noise:
            return sides
        problem = with_run_noise(problem, noise)
    return _apart(problem, fit_level=fit_level)


def _apart(problem: Problem, *, fit_level: bool) -> tuple[Side, Side]:
    """Both sides, given the covariance."""
    assert problem.run is not None
    runs = np.unique(problem.run)
    parts = [subset(problem, problem.run == r).condensed for r in runs]
    return (
        Side(tuple(threshold_contest(p, COMPETING, fit_level=fit_level) for p in parts)),
        Side(tuple(smooth_contest(p) for p in parts)),
    )


def best_of(onsets: Side, smooth: Side) -> Curves:
    """Best curves of either side: the grid says of which family, its parameters are polished."""
    ranked = [(c.bic, side, c.name) for side in (onsets, smooth) for c in side.rough()]
    _, side, name = min(ranked, key=lambda entry: entry[0])
    return side.polished(name)


def _noise_around(problem: Problem, onsets: Side, smooth: Side) -> RunNoise:
    """Covariance of the errors around the best curves of either side."""
    # What each curve has used up is a direction of its run alone.
    assert problem.run is not None
    best = best_of(onsets, smooth)
    family = best.parts[0].family
    level = onsets.parts[0].fit_level if family.side == "threshold" else family.free_floor
    residual, used = np.empty(problem.n), []
    for r, curve in enumerate(best.parts):
        mine = problem.run == r
        x, root_w = problem.x[mine], problem.root_w[mine]
        residual[mine] = (problem.y[mine] - curve.ability(x)) * root_w
        rows = curve.jacobian(x, level=level) * root_w
        used.append(np.zeros((rows.shape[0], problem.n)))
        used[-1][:, mine] = rows
    design = np.concatenate(used)
    return fit_run_noise(residual, problem.run, problem.rank, design, problem.root_w)
