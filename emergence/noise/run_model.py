"""Run model: how checkpoints of one run enter a fit, chosen by what the points carry."""

from dataclasses import dataclass

import numpy as np

from emergence._typing import RUNS, Runs
from emergence.errors import DataError
from emergence.noise.runs import RunNoise
from emergence.records.points import Points

# An autoregression is fitted to runs of at least this many checkpoints, and a run of at least
# so many may show a threshold of its own.
_LONG_RUN, _SHOWS_THRESHOLD = 3, 15
# So many runs of so many checkpoints may show that they differ, if not where each begins.
_MAY_DIFFER = 3, 6


@dataclass(frozen=True)
class RunModel:
    """How checkpoints of one run hang together, and why that was chosen.

    ``apart`` says whether each run has a threshold of its own.  ``noise`` holds the estimates, in
    units of the weighted errors; None until estimated, or where checkpoints are independent.
    """

    name: Runs
    reason: str
    apart: bool = False
    noise: RunNoise | None = None


def run_model(points: Points, runs: Runs = "auto") -> RunModel:
    """Choose how runs enter, by what the points carry: the one rule that every verb follows."""
    # Runs have thresholds of their own where all are long enough to show them, for a kink that each
    # run has at a loss of its own is no kink of their common curve.
    if runs not in RUNS:
        raise DataError(f"runs {runs!r} is not known: {', '.join(RUNS)}")
    shared = points.n_runs < points.size
    if runs != "auto" and runs != "independent" and not shared:
        raise DataError(f"runs {runs!r} needs checkpoints that share runs: give run=")
    if runs == "random threshold":
        return RunModel("offset+ar1", "a threshold for each run", apart=True)
    if runs != "auto":
        alone = runs == "independent"
        return RunModel(runs, "each checkpoint alone" if alone else "one curve for all runs")
    if points.run is None:
        return RunModel("independent", "no runs were given")
    if not shared:
        return RunModel("independent", "every checkpoint is a run of its own")
    length = np.unique(points.run.astype(str), return_counts=True)[1]
    if int(length.max()) < _LONG_RUN:
        return RunModel("offset", "checkpoints share runs, too short to follow each other")
    clock = "tokens" if points.tokens is not None else "falling loss"
    return RunModel(
        "offset+ar1",
        f"checkpoints share runs and follow each other by {clock}",
        apart=runs_show_thresholds(points),
    )


def runs_show_thresholds(points: Points) -> bool:
    """Whether there are several runs, every one with checkpoints enough for its own threshold."""
    return _several(points, 2, _SHOWS_THRESHOLD)


def runs_may_differ(points: Points) -> bool:
    """Whether there are runs enough, and checkpoints in each, to see that thresholds differ."""
    return _several(points, *_MAY_DIFFER)


def _several(points: Points, runs: int, checkpoints: int) -> bool:
    if points.run is None or points.n_runs < runs:
        return False
    count = np.unique(points.run.astype(str), return_counts=True)[1]
    return int(count.min()) >= checkpoints
