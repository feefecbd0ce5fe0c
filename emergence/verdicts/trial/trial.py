"""Trial: one task on trial, each of its fits and tests made when it is first asked for."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from emergence._typing import Noise, Plateau, Runs
from emergence.engine.contest import Candidate
from emergence.engine.misfit import at_edge, hidden, misfit, resting_on
from emergence.engine.runs.own_curves import OwnCurves, own_curves
from emergence.engine.runs.sides import RunCurves, Side
from emergence.fits.runs.random_threshold import RandomThresholdFit
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval, widened
from emergence.noise.run_model import run_model
from emergence.records.points import Points
from emergence.verdicts.trial.evidence import (
    ONSET,
    RHO,
    RHO_RANGE,
    Evidence,
    Tested,
    averaged,
    gather,
)

# A reading with less than this share of the evidence changes no p-value that matters, and one with
# less than the other leaves the interval to the other.
_NOTHING, _LITTLE = 0.001, 0.05
_LARGE = ("one", "each", "_own", "_best")  # what is made again rather than sent


@dataclass(frozen=True, eq=False)
class Trial:
    """Tests of one task, each made when it is first asked for.

    Where runs may have curves of their own, the task is read twice, with one curve for all and with
    one for each, and either reading counts by its share of the evidence.
    """

    points: Points
    plateau: Plateau
    noise: Noise
    runs: Runs
    alpha: float
    n_boot: int
    seed: np.random.SeedSequence
    _known: dict[tuple[str, float], Interval] = field(repr=False, default_factory=dict)

    def _fit(self, runs: Runs) -> ThresholdFit:
        return fit_threshold(
            self.points,
            plateau=self.plateau,
            noise=self.noise,
            runs=runs,
            n_boot=self.n_boot,
            rng=self.seed,
        )

    @cached_property
    def threshold(self) -> ThresholdFit:
        """Threshold as :func:`fit_threshold` gives it."""
        return self._fit(self.runs)

    @cached_property
    def common(self) -> ThresholdFit:
        """Threshold of the common curve."""
        # Of runs with thresholds of their own the other fit is of their mean, or of one of them.
        model = run_model(self.points, self.runs)
        apart = model.apart or isinstance(self.threshold, RandomThresholdFit)
        return self._fit(model.name) if apart else self.threshold

    @cached_property
    def _own(self) -> OwnCurves | None:
        core = self.common.core
        if self.runs not in ("auto", "random threshold"):
            return None
        found = own_curves(core.problem, fit_level=core.contest.fit_level)
        if found is None or self.runs == "auto":
            return found
        return replace(found, share=1.0)

    @cached_property
    def own(self) -> float:
        """Share of the evidence that is for a curve of each run."""
        return 0.0 if self._own is None else self._own.share

    def __getstate__(self) -> dict[str, object]:
        # What was found is kept; grids and draws, being large, are made again when needed.
        _ = self.evidence, self.readings, self.run_curves, self.misfit, self.hidden
        _ = self.onset_rests_on, self.best_rests_on, self.at_edge
        return {k: v for k, v in self.__dict__.items() if k not in _LARGE}

    def release(self) -> None:
        """Let the grids go; they are made again when needed."""
        for name in ("common", "threshold"):
            if name in self.__dict__:
                self.__dict__[name].core.release()
        for name in _LARGE:
            self.__dict__.pop(name, None)

    @cached_property
    def one(self) -> Tested:
        """All tests with one curve for all points."""
        core = self.common.core
        return self._gather(Side((core.contest.competing(),)), Side((core.smooth,)))

    @cached_property
    def each(self) -> Tested:
        """All tests with a curve for each run."""
        assert self._own is not None
        return self._gather(self._own.curves.onsets, self._own.curves.smooths)

    def _gather(self, onsets: Side, smooths: Side) -> Tested:
        return gather(onsets, smooths, n_boot=self.n_boot, seed=self.seed, alpha=self.alpha)

    @cached_property
    def evidence(self) -> Evidence:
        """p-values of either reading by its share, before any adjustment."""
        found = [tested.evidence for _, tested in self._readings(_NOTHING)]
        both = averaged(found[0], found[-1], self.own) if len(found) == 2 else found[0]
        return replace(both, own=self.own)

    def _readings(self, least: float) -> list[tuple[str, Tested]]:
        """Readings with more than the least share of the evidence."""
        found = []
        if self.own < 1.0 - least:
            found.append(("one curve for all runs", self.one))
        if self.own > least:
            found.append(("a curve for each run", self.each))
        return found

    @cached_property
    def readings(self) -> dict[str, Evidence]:
        """Evidence of every reading that may decide the label, by what it takes for granted."""
        return {name: tested.evidence for name, tested in self._readings(_LITTLE)}

    @cached_property
    def _best(self) -> Candidate:
        """Best common curve of either side."""
        core = self.common.core
        smooth = min(core.smooth.candidates(), key=lambda c: c.bic)
        smooth = core.smooth.only(smooth.family.name).refined()[0]
        return min(*core.candidates, smooth, key=lambda c: c.bic)

    @cached_property
    def misfit(self) -> tuple[str, ...]:
        """Signs that no curve of either kind describes the points; of one curve for all alone."""
        if self.own > 0.5:
            return ()
        return misfit(self.common.core.problem, self._best)

    @cached_property
    def at_edge(self) -> str:
        """Which errors of the common curve, where it decides, are at the end of their range."""
        return "" if self.own > 0.5 else at_edge(self.common.core.problem)

    @cached_property
    def hidden(self) -> str:
        """Why the common curve is unknown, where it decides; empty where it is known."""
        return "" if self.own > 0.5 else hidden(self.common.core.problem, self._best)

    @cached_property
    def onset_rests_on(self) -> str:
        """The one score that the common onset rests on, where it decides; empty where none is."""
        core = self.common.core
        return "" if self.own > 0.5 else resting_on(core.problem, core.candidates[0])

    @cached_property
    def best_rests_on(self) -> str:
        """The one score that the best common curve rests on, where it decides."""
        return "" if self.own > 0.5 else resting_on(self.common.core.problem, self._best)

    @cached_property
    def run_curves(self) -> RunCurves | None:
        """Best curves of either side, where each run is better described by one of its own."""
        return self._own.curves if self._own is not None and self.own > 0.5 else None

    def interval(self, name: str, level: float) -> Interval:
        """Interval of rho, or of the onset in nats: values that a good curve has."""
        if (name, level) not in self._known:
            self._known[name, level] = self._interval(name, level)
        return self._known[name, level]

    def _interval(self, name: str, level: float) -> Interval:
        e = self.evidence
        if e.alone[0] > self.alpha:  # without a rise nothing says how it begins
            unknown = (float("nan"), float("nan"))
            return Interval(*unknown, level, "limits", open_low=True, open_high=True)
        ends = [_ends(tested, name, level) for _, tested in self._readings(_LITTLE)]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        open_low, open_high = bool(np.isinf(low)), bool(np.isinf(high))
        found = Interval(low, high, level, "limits", open_low=open_low, open_high=open_high)
        return found if name == "rho" else widened(found, e.onset, self.points.loss_sd)


def _ends(tested: Tested, name: str, level: float) -> tuple[float, float]:
    """Ends of the interval of rho or of the onset by one reading."""
    e = tested.evidence
    if name == "rho":
        start = float(np.log2(np.clip(e.rho, *RHO_RANGE)))
        low, high = np.exp2(tested.test.interval(RHO, start, level))
        return float(low), float(np.where(high > RHO_RANGE[1], np.inf, high))
    problem = tested.test.pools[0].problem
    low, high = tested.test.interval(ONSET, float(problem.to_x(e.onset)), level)
    return float(problem.to_loss(low)), float(problem.to_loss(high))
