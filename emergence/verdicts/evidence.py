r"""Evidence: does an ability begin suddenly, gradually, or not at all?

No test can show a corner: a curve may bend as shortly as it likes.  What can be tested is a
property that every curve has, how long its foot is beside its plateau (rho,
:mod:`emergence.curves.foot`).  "Gradual" is the set of curves with rho of at least 1/4, "sudden"
that of at most 1/4; each is rejected when even its best curve is worse than the best of all by more
than replicates of it allow (:mod:`emergence.engine.limits.limit_test`).  One of the two always
holds the best curve, so both are never rejected.

A kink of which little plateau was seen has a rho like that of a logistic.  So "smooth" asks for
more: curves of an onset, at chance above it and steepest at first (phi at most 1), count as sudden
up to a rho of 3/4.  Where every run shows a curve of its own, the mean of log rho over the runs
obeys the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from emergence._random import Stream
from emergence._typing import FloatArray, Noise, Plateau, Runs
from emergence.curves.foot import Foot, feet
from emergence.engine.contest import VISIBLE
from emergence.engine.grid import flat_bic
from emergence.engine.limits.hypothesis import Measure
from emergence.engine.limits.limit_test import LimitTest, best_curves
from emergence.engine.limits.pool import FamilyCurves, make_pool
from emergence.engine.problem import Problem, run_model, runs_show_curves
from emergence.engine.replicates import ErrorModel, ErrorSource
from emergence.engine.sides import RunCurves, Side, sides_by_run
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval, widened
from emergence.records.points import Points
from emergence.verdicts.flat import above_chance, flat_tests, level_runs

SUDDEN = 0.25  # the longest foot, as a share of its plateau, that is called sudden
_SHORT = 3.0  # times as long where it is an onset's of which little plateau was seen
# The sets that are tested, each within the one before, as steps of log2 rho from the limit.
_NESTED = (0.0, 1.0, 2.0)
# The p-values that are adjusted for the number of tasks.
TESTS = ("p_flat", "p_gradual", "p_sudden", "p_short")
# A rho below is a jump; above, the gain begins before the losses seen.
RHO_RANGE = (2.0**-10, 2.0**5)


def _log_rho(curves: FamilyCurves) -> FloatArray:
    return np.log2(np.clip(curves.foot.rho, RHO_RANGE[0], 2.0 * RHO_RANGE[1]))


def _log_short(curves: FamilyCurves) -> FloatArray:
    """log2 of rho, of a third of it for an onset from chance that is steepest at first."""
    at_first = (curves.foot.phi <= 1.0 + 1e-6) & (not curves.key[1])
    at_first &= curves.block.family.side == "threshold"
    return _log_rho(curves) - np.log2(_SHORT) * at_first


RHO = Measure("rho", _log_rho, 0.25)
SHORT = Measure("rho or short plateau", _log_short, 0.25)
ONSET = Measure("onset", lambda curves: curves.foot.onset, 0.005)


@dataclass(frozen=True)
class Evidence:
    """What the tests say of one task.

    ``p_flat``: no dependence on the loss (of several curves, twice the smaller of the simulated
    p-value and that of a t-test of their slopes); ``p_inverse``: no fall of the score with falling
    loss; ``p_gradual``: the foot is at least a quarter of the plateau; ``p_sudden``: at most;
    ``p_short``: at most, or three quarters for an onset of which little plateau was seen.
    ``rho`` is that of the best curve, ``onset`` (where 5% of the gain is made), ``plateau`` and
    ``foot`` are in nats, ``rise`` in score (means over runs with curves of their own); ``curve``
    names its family.  ``difference`` is the BIC of the best smooth curve less that of the best
    onset.  ``resolution`` is the smallest p-value that the draws can show, 1 / (n_boot + 1);
    ``alone`` holds the p-values as they were before any adjustment for the number of tasks.
    ``above_chance`` says whether the best curve, at the lowest losses, is above chance by two
    standard errors, ``level`` is its ability at the highest losses.  ``curves`` is the number of
    curves tested: one for all runs, or one for each.
    """

    p_flat: float
    p_inverse: float
    p_gradual: float
    p_sudden: float
    p_short: float
    rho: float
    onset: float
    plateau: float
    foot: float
    rise: float
    curve: str
    difference: float
    level: float
    resolution: float
    alone: tuple[float, ...]
    above_chance: bool
    curves: int

    @property
    def flat_unresolved(self) -> bool:
        """Whether no draw came near the data: more draws would make ``p_flat`` smaller."""
        return self.alone[0] <= self.resolution * (2 if self.curves > 1 else 1)

    def with_p_values(self, values: FloatArray) -> Self:
        """Same evidence with other p-values, in the order of ``TESTS``."""
        flat, gradual, sudden, short = map(float, values)
        return replace(self, p_flat=flat, p_gradual=gradual, p_sudden=sudden, p_short=short)


@dataclass(frozen=True, eq=False)
class Tested:
    """Evidence, the tests behind it, and the curves of runs that it speaks of."""

    evidence: Evidence
    test: LimitTest
    run_curves: RunCurves | None


@dataclass(frozen=True, eq=False)
class Trial:
    """Tests of one task, each made when it is first asked for.

    Where each run shows a curve of its own, each is tested with one.
    """

    points: Points
    plateau: Plateau
    noise: Noise
    runs: Runs
    alpha: float
    n_boot: int
    seed: np.random.SeedSequence
    _known: dict[tuple[str, float], Interval] = field(repr=False, default_factory=dict)

    @property
    def apart(self) -> bool:
        """Whether each run is tested with a curve of its own."""
        return run_model(self.points, self.runs).apart and runs_show_curves(self.points)

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
        return self._fit("auto" if self.apart else self.runs)

    @cached_property
    def common(self) -> ThresholdFit:
        """Threshold of the common curve."""
        return self._fit("offset+ar1") if self.apart else self.threshold

    def __getstate__(self) -> dict[str, object]:
        # What was found is kept; grids and draws, being large, are made again when needed.
        _ = self.evidence, self.run_curves
        return {k: v for k, v in self.__dict__.items() if k != "tested"}

    def release(self) -> None:
        """Let the grids go; they are made again when needed."""
        for name in ("common", "threshold"):
            if name in self.__dict__:
                self.__dict__[name].core.release()
        self.__dict__.pop("tested", None)

    @cached_property
    def tested(self) -> Tested:
        """All tests, made when first asked for."""
        core = self.common.core
        if self.apart:
            sides = sides_by_run(core.problem, fit_level=core.contest.fit_level)
            both = RunCurves(core.problem, *(side.refined()[0] for side in sides))
            return gather(*sides, both, n_boot=self.n_boot, seed=self.seed, alpha=self.alpha)
        one = Side((core.contest.competing(),)), Side((core.smooth,))
        return gather(*one, None, n_boot=self.n_boot, seed=self.seed, alpha=self.alpha)

    @cached_property
    def evidence(self) -> Evidence:
        """p-values, before any adjustment."""
        return self.tested.evidence

    @cached_property
    def run_curves(self) -> RunCurves | None:
        """Best curves of either side, where each run was tested with one of its own."""
        return self.tested.run_curves

    def interval(self, name: str, level: float) -> Interval:
        """Interval of rho, or of the onset in nats: values that a good curve has."""
        if (name, level) not in self._known:
            self._known[name, level] = self._interval(name, level)
        return self._known[name, level]

    def _interval(self, name: str, level: float) -> Interval:
        problem, e = self.common.core.problem, self.evidence
        if e.alone[0] > self.alpha:  # without a rise nothing says how it begins
            unknown = (float("nan"), float("nan"))
            return Interval(*unknown, level, "limits", open_low=True, open_high=True)
        if name == "rho":
            start = float(np.log2(np.clip(e.rho, *RHO_RANGE)))
            low, high = np.exp2(self.tested.test.interval(RHO, start, level))
            high = np.where(high > RHO_RANGE[1], np.inf, high)
        else:
            start = float(problem.to_x(e.onset))
            ends = self.tested.test.interval(ONSET, start, level)
            low, high = (problem.to_loss(x) for x in ends)
        ends = (float(low), float(high))
        open_low, open_high = bool(np.isinf(low)), bool(np.isinf(high))
        found = Interval(*ends, level, "limits", open_low=open_low, open_high=open_high)
        if name == "rho":
            return found
        return widened(found, e.onset, self.points.loss_sd)


def gather(
    thresholds: Side,
    smooth: Side,
    run_curves: RunCurves | None,
    *,
    n_boot: int,
    seed: np.random.SeedSequence,
    alpha: float,
) -> Tested:
    """Run all tests, those of the foot on the parts that rise at all."""
    problems = thresholds.problems
    errors = _errors(problems, n_boot, seed)
    flat, inverse = flat_tests(thresholds, smooth, errors)
    if len(problems) > 1:
        flat = min(1.0, 2.0 * min(flat, level_runs(problems)))
    rising = _rising(thresholds, smooth)
    best, pools = best_curves([make_pool(problems[i]) for i in rising])
    test = LimitTest(pools, [errors[i] for i in rising], n_boot)
    p_gradual = p_sudden = p_short = float("nan")
    if flat <= alpha:  # otherwise there is no rise to speak of
        limit = float(np.log2(SUDDEN))
        p_gradual = test.nested(RHO, [limit + k for k in _NESTED], alpha, at_least=True)
        p_sudden = test.nested(RHO, [limit - k for k in _NESTED], alpha, at_least=False)
        p_short = test.nested(SHORT, [limit - k for k in _NESTED], alpha, at_least=False)
    own = [pool.problem for pool in pools]
    found = [
        feet(c.family, c.theta[None], float(p.x[0]), float(p.x[-1]))
        for c, p in zip(best.parts, own, strict=True)
    ]
    mean = Foot(*(float(np.mean(column)) for column in zip(*found, strict=True)))  # type: ignore[arg-type]
    log_rho = np.log2(np.clip([f.rho[0] for f in found], *RHO_RANGE))
    ends = [c.ability(p.x[[0, -1]]) for c, p in zip(best.parts, own, strict=True)]
    top, level = np.mean(ends, axis=0)
    span, points = own[0].span, own[0].points
    evidence = Evidence(
        p_flat=flat,
        p_inverse=inverse,
        p_gradual=p_gradual,
        p_sudden=p_sudden,
        p_short=max(p_short, p_sudden),
        rho=float(np.exp2(log_rho.mean())),
        onset=own[0].to_loss(float(mean.onset)),
        plateau=span * float(mean.plateau),
        foot=span * float(mean.foot),
        rise=float((top - level) * (points.best - points.chance)),
        curve=best.parts[0].family.name,
        difference=_difference(thresholds, smooth),
        level=float(level),
        resolution=1.0 / (n_boot + 1),
        alone=(flat, p_gradual, p_sudden, max(p_short, p_sudden)),
        above_chance=above_chance(thresholds, smooth),
        curves=len(problems),
    )
    return Tested(evidence, test, run_curves)


def _rising(thresholds: Side, smooth: Side) -> list[int]:
    """Parts that rise clearly; all where none does."""
    # A part without a rise obeys every limit at no cost, and would free the others of it.  Of so
    # many curves the best beats a constant by luck; a rise is visible as a plateau off chance is.
    data = [p.wy[:, None] for p in thresholds.problems]
    parts = zip(thresholds.parts, smooth.parts, data, strict=True)
    best = [min(a.best(column)[0], b.best(column)[0]) for a, b, column in parts]
    rising = [i for i, p in enumerate(thresholds.problems) if flat_bic(p) - best[i] > VISIBLE]
    return rising or list(range(len(data)))


def _difference(thresholds: Side, smooth: Side) -> float:
    data = [p.wy[:, None] for p in thresholds.problems]
    return float(smooth.best(data)[0] - thresholds.best(data)[0])


def _errors(
    problems: Sequence[Problem], n_boot: int, seed: np.random.SeedSequence
) -> list[ErrorSource]:
    """Draws of every part."""
    if len(problems) == 1:
        return [ErrorModel(problems[0], seed).source(n_boot, Stream.EVIDENCE)]
    return [ErrorModel(p, seed).source(n_boot, Stream.EVIDENCE, i) for i, p in enumerate(problems)]
