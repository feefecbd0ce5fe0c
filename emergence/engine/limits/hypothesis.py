"""Hypothesis: a set of curves, those with a property of at least, or at most, so much."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emergence._typing import FloatArray, IntArray
from emergence.engine.limits.pool import CurveSet

STEPS = 12  # of the property to either side of the limit, where it is a mean over runs
_FAR = 100_000  # as good as without end


@dataclass(frozen=True)
class Measure:
    """A property of curves: one number each, and the step that tells them apart in a mean."""

    name: str
    of: Callable[[CurveSet], FloatArray]
    step: float


@dataclass(frozen=True)
class Hypothesis:
    """The property is at least (or at most) so much."""

    measure: Measure
    limit: float
    at_least: bool

    def level(self, curves: CurveSet) -> IntArray:
        """Steps by which each curve lies inside the set, so many at most; negative outside."""
        return np.minimum(np.maximum(self.steps(curves), -STEPS), STEPS)

    def steps(self, curves: CurveSet) -> IntArray:
        """Steps by which each curve lies inside the set; negative outside."""
        scale = self.measure.step if self.at_least else -self.measure.step
        inside = (curves.measured(self.measure.of) - self.limit) / scale
        # To the digit: a curve that stands on the limit is inside.
        # A curve without gain begins nowhere, and obeys no limit of where.
        inside = np.where(np.isnan(inside), -_FAR, np.floor(inside + 1e-9))
        return np.minimum(np.maximum(inside, -_FAR), _FAR).astype(np.int64)
