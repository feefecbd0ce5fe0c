"""RandomThresholdFit: a fitted threshold where runs have thresholds of their own."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from emergence._random import Stream, child
from emergence._results import no_interval
from emergence._typing import FloatArray
from emergence.errors import MethodRefused
from emergence.fits.runs.thresholds_result import RunThresholds
from emergence.fits.threshold_result import Method, ThresholdFit
from emergence.interval import Curve, Interval, even


@dataclass(frozen=True, eq=False, repr=False)
class RandomThresholdFit(ThresholdFit):
    """Fit where runs have thresholds of their own: eta is their mean, its interval that of a mean.

    Shape, parameters and curve are those that the runs share, fitted to their losses shifted onto
    one another.

    Attributes
    ----------
    thresholds : RunThresholds
        Threshold of each run, their spread, the test of one for all.
    """

    thresholds: RunThresholds = field(repr=False)

    @property
    def by_run(self) -> RunThresholds:
        """Thresholds of single runs."""
        return self.thresholds

    def interval(
        self, name: str = "eta", level: float = 0.95, method: Method = "profile"
    ) -> Interval:
        """Interval of the mean threshold of runs like these, by Student's t.

        MethodRefused for a pairs bootstrap, which takes checkpoints as independent.
        """
        if name != "eta":
            raise no_interval(name, ("eta",))
        if method != "profile":
            raise MethodRefused(f"{method!r} takes checkpoints as independent, these share runs")
        return self.thresholds.interval("eta", level)

    def shape_interval(self, shape: str, level: float = 0.95) -> Interval:
        """Refuse: on shifted losses it would leave out how much the runs differ."""
        raise MethodRefused(
            f"{self.points.label}: runs have thresholds of their own; fit again with "
            f"shape={shape!r}"
        )

    def corner_width(self) -> float:
        """NaN: runs shifted onto one another sharpen the corner."""
        return float("nan")

    def eta_draws(self) -> FloatArray:
        """Draws of the t distribution of the mean threshold."""
        runs = self.thresholds
        t = child(self.core.errors.seed, Stream.CURVE).standard_t(runs.dof, self.n_boot)
        return np.asarray(runs.eta + runs.stderr * t)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row, of the shape that the runs share: eta, interval."""
        return self._table([self.eta], [self.interval("eta", level)])

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, the thresholds of the runs among it."""
        return super().to_dict() | {"by_run": self.thresholds.to_dict()}

    def _by_shape(self, level: float) -> list[str]:
        return []

    def curves(self, level: float | None) -> list[Curve]:
        """Curve of each run, as far as its own points reach."""
        run, out = np.asarray(self.points.run).astype(str), []
        for name, shift in self.thresholds.shifts.items():
            reach = even(self.points.loss[run == name] - shift)
            out.append(Curve(reach + shift, np.asarray(self.predict(reach))))
        return out
