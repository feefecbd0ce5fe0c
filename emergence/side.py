"""Side: the shapes of one side of the evidence, on all runs together or on each run apart.

Where every run is long enough to show a curve of its own, each has one: the same family, with
parameters of its own.  The families then compete by the sum of their BIC over the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emergence._typing import FloatArray
from emergence.contest import Candidate, Contest, smooth_contest, threshold_contest
from emergence.families import THRESHOLD_FAMILIES
from emergence.points import Points
from emergence.problem import Problem, subset

# A run of fewer checkpoints than this does not show a curve of its own.
LEAST_CHECKPOINTS = 15


@dataclass(frozen=True, eq=False)
class Curves:
    """One family with its parameters for every part."""

    parts: tuple[Candidate, ...]

    @property
    def name(self) -> str:
        """Name of the family."""
        return self.parts[0].family.name

    @property
    def bic(self) -> float:
        """Criterion of all parts together."""
        return float(sum(c.bic for c in self.parts))


@dataclass(frozen=True, eq=False)
class Side:
    """Contests of one side: a single one, or one for each run."""

    parts: tuple[Contest, ...]

    @property
    def problems(self) -> list[Problem]:
        """Problem of each part."""
        return [part.problem for part in self.parts]

    def best(self, columns: Sequence[FloatArray]) -> FloatArray:
        """Best sum of BIC over the families that every part has, for each data set."""
        rows: dict[str, list[FloatArray]] = {}
        for part, column in zip(self.parts, columns, strict=True):
            for block, row in zip(part.blocks, part.criteria(column), strict=True):
                rows.setdefault(block.family.name, []).append(row)
        complete = [np.sum(r, axis=0) for r in rows.values() if len(r) == len(self.parts)]
        lowest: FloatArray = np.min(complete, axis=0)
        return lowest

    def shortlist(self, columns: Sequence[FloatArray]) -> Side:
        """Same side without what replicates like these never choose."""
        several = len(self.parts) > 1
        return Side(
            tuple(
                part.shortlist(column, each_family=several)
                for part, column in zip(self.parts, columns, strict=True)
            )
        )

    def thinned(self, step: int) -> Side:
        """Same side with every ``step``-th parameter set of each shape."""
        return Side(tuple(part.thinned(step) for part in self.parts))

    def sharpened(self, curves: Sequence[Curves]) -> Side:
        """Same side with fine grids about thin logistic curves."""
        return Side(
            tuple(part.sharpened([c.parts[i] for c in curves]) for i, part in enumerate(self.parts))
        )

    def refined(self) -> list[Curves]:
        """Every family at its best parameters, best first."""
        of_parts = [{c.family.name: c for c in part.refined(starts=1)} for part in self.parts]
        found = [
            Curves(tuple(of_part[name] for of_part in of_parts))
            for name in of_parts[0]
            if all(name in of_part for of_part in of_parts)
        ]
        return sorted(found, key=lambda c: c.bic)


def runs_show_curves(points: Points) -> bool:
    """Whether there are several runs, every one with checkpoints enough for its own curve."""
    if points.run is None or points.n_runs < 2:
        return False
    count = np.unique(points.run.astype(str), return_counts=True)[1]
    return int(count.min()) >= LEAST_CHECKPOINTS


def sides_by_run(problem: Problem, *, fit_level: bool) -> tuple[Side, Side]:
    """Threshold and smooth side with a curve for each run.

    The covariance of the errors stays that around a common curve: estimated around curves of
    their own it would be too small, for these follow the errors too.
    """
    assert problem.run is not None
    parts = [subset(problem, problem.run == r) for r in np.unique(problem.run)]
    return (
        Side(tuple(threshold_contest(p, THRESHOLD_FAMILIES, fit_level=fit_level) for p in parts)),
        Side(tuple(smooth_contest(p) for p in parts)),
    )
