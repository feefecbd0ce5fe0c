r"""Evidence: does an ability begin suddenly, gradually, or not at all?

No test can show a corner: a curve may bend as shortly as it likes.  What can be tested is a
property that every curve has, how long its foot is beside its plateau (rho,
:mod:`emergence.curves.foot`).  "Gradual" is the set of curves with rho of at least 1/4, "sudden"
that of at most 1/4; each is rejected when even its best curve is worse than the best of all by more
than replicates of it allow (:mod:`emergence.engine.limits.limit_test`).  One of the two always
holds the best curve, so both are never rejected.

A kink of which little plateau was seen has a rho like that of a logistic.  So "smooth" asks for
more: curves of an onset, at chance above it and steepest at first (phi at most 1), count as sudden
up to a rho of 3/4.  A long plateau, seen from the first steps of training on, makes any foot short:
where it is longer than the bound of 2R, the foot is also measured by the rise that follows it, of
which it may take no more than a third.  Where runs have curves of their own, the mean of log rho
over the runs obeys the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from emergence._random import Stream
from emergence._typing import FloatArray
from emergence.curves.foot import Foot, feet
from emergence.engine.contest import VISIBLE
from emergence.engine.grid import flat_bic
from emergence.engine.limits.hypothesis import Measure
from emergence.engine.limits.limit_test import LimitTest, best_curves
from emergence.engine.limits.pool import CurveSet, make_pools
from emergence.engine.problem import Problem
from emergence.engine.replicates import ErrorModel, ErrorSource
from emergence.engine.runs.sides import Side
from emergence.verdicts.trial.flat import AboveChance, above_chance, flat_tests, level_runs

SUDDEN = 0.25  # the longest foot, as a share of its plateau, that is called sudden
_SHORT = 3.0  # times as long where it is an onset's of which little plateau was seen
# The sets that are tested, each within the one before, as steps of log2 rho from the limit.
_NESTED = (0.0, 1.0, 2.0)
# Shares of the rise: a longer foot is gradual however long the plateau, a shorter one may not be.
_OF_RISE, _NEARLY = 1.0 / 3.0, 0.3
# The p-values that are adjusted for the number of tasks.
TESTS = ("p_flat", "p_gradual", "p_sudden", "p_short", "p_steep", "p_nearly")
# A rho below is a jump; above, the gain begins before the losses seen.
RHO_RANGE = (2.0**-10, 2.0**5)


def _log_rho(curves: CurveSet) -> FloatArray:
    return np.log2(np.clip(curves.foot.rho, RHO_RANGE[0], 2.0 * RHO_RANGE[1]))


def _log_short(curves: CurveSet) -> FloatArray:
    """log2 of rho, of a third of it for an onset from chance that is steepest at first."""
    at_first = (curves.foot.phi <= 1.0 + 1e-6) & curves.from_chance
    return _log_rho(curves) - np.log2(_SHORT) * at_first


def _log_of_rise(curves: CurveSet) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        share = curves.foot.foot / curves.foot.rise
    return np.log2(np.clip(share, *RHO_RANGE))


RHO = Measure("rho", _log_rho, 0.25)
SHORT = Measure("rho or short plateau", _log_short, 0.25)
OF_RISE = Measure("foot by rise", _log_of_rise, 0.25)
ONSET = Measure("onset", lambda curves: curves.foot.onset, 0.005)


@dataclass(frozen=True)
class Evidence:
    """What the tests say of one task.

    ``p_flat``: no dependence on the loss (of several curves, twice the smaller of the simulated
    p-value and that of a t-test of their slopes); ``p_inverse``: no fall of the score with falling
    loss; ``p_gradual``: the foot is at least a quarter of the plateau; ``p_sudden``: at most;
    ``p_short``: at most, or three quarters for an onset of which little plateau was seen.  Where
    the plateau is longer than twice the rise, ``p_steep``: the foot is at most a third of the rise;
    ``p_nearly``: at most .3 of it (NaN else).
    ``rho`` is that of the best curve, ``onset`` (where 5% of the gain is made), ``plateau`` and
    ``foot`` are in nats, ``of_rise`` is the foot as a share of the rise in nats, ``rise`` in score
    (means over runs with curves of their own); ``curve`` names its family.  ``difference`` is the
    BIC of the best smooth curve less that of the best onset.  ``resolution`` is the smallest
    p-value that the draws can show, 1 / (n_boot + 1); ``alone`` holds the p-values as they were
    before any adjustment for the number of tasks.  ``above`` says whether the scores at the lowest
    losses are above chance, over all or in a run; ``level`` is the ability at the highest losses.
    ``curves`` is the number of curves tested: one for all runs, or one for each.  ``own`` is the
    share of the evidence that is for one for each (:mod:`emergence.engine.runs.own_curves`).
    """

    p_flat: float
    p_inverse: float
    p_gradual: float
    p_sudden: float
    p_short: float
    p_steep: float
    p_nearly: float
    rho: float
    onset: float
    plateau: float
    foot: float
    of_rise: float
    rise: float
    curve: str
    difference: float
    level: float
    resolution: float
    alone: tuple[float, ...]
    above: AboveChance
    curves: int
    own: float = 0.0

    @property
    def flat_unresolved(self) -> bool:
        """Whether no draw came near the data: more draws would make ``p_flat`` smaller."""
        return self.alone[0] <= self.resolution * (1.0 + self.own)

    def with_p_values(self, values: FloatArray) -> Self:
        """Same evidence with other p-values, in the order of ``TESTS``."""
        return replace(self, **dict(zip(TESTS, map(float, values), strict=True)))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Tested:
    """Evidence and the test behind it."""

    evidence: Evidence
    test: LimitTest


def gather(
    thresholds: Side, smooth: Side, *, n_boot: int, seed: np.random.SeedSequence, alpha: float
) -> Tested:
    """Run all tests, those of the foot on the parts that rise at all."""
    problems = thresholds.problems
    errors = _errors(problems, n_boot, seed)
    flat, inverse = flat_tests(thresholds, smooth, errors)
    if len(problems) > 1:
        flat = min(1.0, 2.0 * min(flat, level_runs(problems)))
    rising = _rising(thresholds, smooth)
    best, pools = best_curves(make_pools([problems[i] for i in rising]))
    test = LimitTest(pools, [errors[i] for i in rising], n_boot)
    own = [pool.problem for pool in pools]
    found = [
        feet(c.family, c.theta[None], float(p.x[0]), float(p.x[-1]))
        for c, p in zip(best.parts, own, strict=True)
    ]
    mean = Foot(*(float(np.mean(column)) for column in zip(*found, strict=True)))  # type: ignore[arg-type]
    log_rho = np.log2(np.clip([f.rho[0] for f in found], *RHO_RANGE))
    ends = [c.ability(p.x[[0, -1]]) for c, p in zip(best.parts, own, strict=True)]
    top, level = np.mean(ends, axis=0)
    p = np.full(5, np.nan)
    if flat <= alpha:  # otherwise there is no rise to speak of
        # Of single runs too little of the rise is seen to measure a foot by it.
        long = len(problems) == 1 and float(mean.plateau) > 2.0 * float(mean.rise)
        p = _of_foot(test, alpha, long=long)
    span, points = own[0].span, own[0].points
    evidence = Evidence(
        p_flat=flat,
        p_inverse=inverse,
        **dict(zip(TESTS[1:], map(float, p), strict=True)),
        rho=float(np.exp2(log_rho.mean())),
        onset=own[0].to_loss(float(mean.onset)),
        plateau=span * float(mean.plateau),
        foot=span * float(mean.foot),
        of_rise=float(mean.foot) / max(float(mean.rise), 1e-12),
        rise=float((top - level) * (points.best - points.chance)),
        curve=best.parts[0].family.name,
        difference=_difference(thresholds, smooth),
        level=float(level),
        resolution=1.0 / (n_boot + 1),
        alone=(flat, *map(float, p)),
        above=above_chance(thresholds, smooth),
        curves=len(problems),
    )
    return Tested(evidence, test)


def _of_foot(test: LimitTest, alpha: float, *, long: bool) -> FloatArray:
    """p-values of how sudden the foot is, in the order of ``TESTS``; ``long``: by its rise too."""
    limit = float(np.log2(SUDDEN))
    gradual = test.nested(RHO, [limit + k for k in _NESTED], alpha, at_least=True)
    sudden, short = (
        test.nested(measure, [limit - k for k in _NESTED], alpha, at_least=False)
        for measure in (RHO, SHORT)
    )
    steep = nearly = float("nan")
    if long:
        steep, nearly = (
            test.nested(OF_RISE, [float(np.log2(share))], alpha, at_least=False)
            for share in (_OF_RISE, _NEARLY)
        )
    return np.array([gradual, sudden, max(short, sudden), steep, nearly])


def averaged(one: Evidence, each: Evidence, own: float) -> Evidence:
    """Evidence of one curve for all runs and of one for each, by their shares.

    What is measured is that of the larger share.  A mean of p-values by weights that are not theirs
    to choose is at most twice too small (Vovk & Wang 2020, Biometrika 107, 791), and that only
    where both count.
    """
    both = np.array([one.alone, each.alone])
    mean = np.array([1.0 - own, own]) @ np.where(np.isnan(both), 1.0, both)
    alone = tuple(map(float, np.where(np.isnan(both).all(axis=0), np.nan, mean)))
    inverse = (1.0 - own) * one.p_inverse + own * each.p_inverse
    main = replace(each if own > 0.5 else one, p_inverse=inverse, alone=alone, own=own)
    return main.with_p_values(np.array(alone))


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
