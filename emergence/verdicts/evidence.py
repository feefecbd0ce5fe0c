r"""Evidence: is there a threshold at all, or does a smooth curve do as well?

Two sets of shapes compete, each re-selected by BIC wherever it is fitted.  The statistic is

.. math:: D = \min_{\text{smooth}} \mathrm{BIC} - \min_{\text{threshold}} \mathrm{BIC},

large when a threshold explains more.  Its distribution is simulated under the best fits of
either side (Cox 1962; Hall & Wilson 1991): "smooth" is rejected when D is too large for
*every* smooth family that comes near the best one, "threshold" when it is too small for
every threshold shape that does.  The largest p-value over the near-best families guards
against a null that BIC picked wrongly.  Where every run shows a curve of its own, each BIC is that
of all these curves (:mod:`emergence.engine.sides`).  A logistic curve too thin for the grid brings
a fine grid of its own, for the data and for all replicates: else what the grid misses would drown
D.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy.special import stdtr

from emergence._random import Stream
from emergence._typing import FloatArray, Noise, Plateau, Runs
from emergence.engine.grid import joint_bic, residual_ss
from emergence.engine.problem import Problem, run_model, runs_show_curves
from emergence.engine.replicates import ErrorModel, ErrorSource, replicas
from emergence.engine.sides import Curves, RunCurves, Side, sides_by_run
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.records.points import Points
from emergence.verdicts.prediction import left_out_gain

# Families within this many BIC of the best of their side serve as null hypotheses: smooth ones
# for each curve that is tested, for the noise of the differences adds up.
_WINDOW = {"smooth": 1.0, "threshold": 6.0}
# The p-values that are adjusted for the number of tasks.
TESTS = ("p_flat", "p_smooth", "p_threshold")
# Pure noise rules out no shape, so the test of "flat" looks at a part of the grid.
_THIN = 3


@dataclass(frozen=True)
class Evidence:
    """What the tests say of one task.

    ``p_flat``: no dependence on the loss (of several curves, twice the smaller of the simulated
    p-value and that of a t-test of their slopes); ``p_inverse``: no fall of the score with falling
    loss; ``p_smooth``, ``p_threshold``: that side is true.  ``prediction`` is the gain in
    squared error of the threshold side over the smooth side on left-out points, as the normal
    score of a signed-rank test (NaN where it was not needed).  ``resolution`` is the smallest
    p-value that the draws can show, 1 / (n_boot + 1); ``p_flat_alone``,
    ``p_smooth_alone`` and ``p_threshold_alone`` stay as they were before any adjustment for the
    number of tasks.  ``above_chance`` says whether the best curve, at the lowest
    losses, is above chance by two standard errors.  ``curves`` is the number of curves tested:
    one for all runs, or one for each.
    """

    p_flat: float
    p_inverse: float
    p_smooth: float
    p_threshold: float
    difference: float
    best_smooth: str
    best_threshold: str
    prediction: float
    resolution: float
    p_flat_alone: float
    p_smooth_alone: float
    p_threshold_alone: float
    above_chance: bool
    curves: int

    @property
    def flat_unresolved(self) -> bool:
        """Whether no draw came near the data: more draws would make ``p_flat`` smaller."""
        return self.p_flat_alone <= self.resolution * (2 if self.curves > 1 else 1)

    def with_p_values(self, values: FloatArray) -> Self:
        """Same evidence with other p-values, in the order of ``TESTS``."""
        flat, smooth, threshold = map(float, values)
        return replace(self, p_flat=flat, p_smooth=smooth, p_threshold=threshold)


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

    def release(self) -> None:
        """Let the grids of the fits go; they are made again when needed."""
        for name in ("common", "threshold"):
            if name in self.__dict__:
                self.__dict__[name].core.release()

    @cached_property
    def _gathered(self) -> tuple[Evidence, RunCurves | None]:
        core = self.common.core
        if self.apart:
            sides = sides_by_run(core.problem, fit_level=core.contest.fit_level)
            onsets = sides[0].refined()
        else:
            sides = Side((core.contest,)), Side((core.smooth,))
            onsets = [sides[0].curves((c,)) for c in core.candidates]
        smooth = sides[1].refined()
        evidence = gather(
            *sides, (onsets, smooth), n_boot=self.n_boot, seed=self.seed, alpha=self.alpha
        )
        curves = RunCurves(core.problem, onsets[0], smooth[0]) if self.apart else None
        return evidence, curves

    @property
    def evidence(self) -> Evidence:
        """p-values, before any adjustment."""
        return self._gathered[0]

    @property
    def run_curves(self) -> RunCurves | None:
        """Best curves of either side, where each run was tested with one of its own."""
        return self._gathered[1]


def gather(
    thresholds: Side,
    smooth: Side,
    polished: tuple[Sequence[Curves], Sequence[Curves]],
    *,
    n_boot: int,
    seed: np.random.SeedSequence,
    alpha: float,
) -> Evidence:
    """Run all tests; ``polished`` are the curves of the two sides at their best, best first."""
    problems = thresholds.problems
    errors = _errors(problems, n_boot, seed)
    flat, inverse = _flat_tests(thresholds, smooth, errors)
    if len(problems) > 1:
        flat = min(1.0, 2.0 * min(flat, _level_runs(problems)))
    data = [p.wy[:, None] for p in problems]
    near_threshold, near_smooth = map(_near_best, polished)
    smooth = smooth.sharpened(polished[1])
    difference = float(smooth.best(data)[0] - thresholds.best(data)[0])
    p_smooth = p_threshold = float("nan")
    if flat <= alpha:  # otherwise neither side has anything to explain
        both = (thresholds, smooth)
        p_smooth = max(
            _p(_simulated(both, null, errors) >= difference - 1e-9) for null in near_smooth
        )
        p_threshold = max(
            _p(_simulated(both, null, errors) <= difference + 1e-9) for null in near_threshold
        )
    # Both rejected: neither side is true to the digit, and what predicts better decides.
    prediction = float("nan")
    if p_smooth <= alpha and p_threshold <= alpha:
        prediction = left_out_gain(problems, thresholds.parts[0].fit_level)
    return Evidence(
        p_flat=flat,
        p_inverse=inverse,
        p_smooth=p_smooth,
        p_threshold=p_threshold,
        difference=difference,
        best_smooth=near_smooth[0].name,
        best_threshold=near_threshold[0].name,
        prediction=prediction,
        resolution=1.0 / (n_boot + 1),
        p_flat_alone=flat,
        p_smooth_alone=p_smooth,
        p_threshold_alone=p_threshold,
        above_chance=_above_chance(thresholds, smooth),
        curves=len(problems),
    )


def _errors(
    problems: Sequence[Problem], n_boot: int, seed: np.random.SeedSequence
) -> list[ErrorSource]:
    """Draws of every part."""
    if len(problems) == 1:
        return [ErrorModel(problems[0], seed).source(n_boot, Stream.EVIDENCE)]
    return [ErrorModel(p, seed).source(n_boot, Stream.EVIDENCE, i) for i, p in enumerate(problems)]


def _above_chance(thresholds: Side, smooth: Side) -> bool:
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


def _near_best(ranked: Sequence[Curves]) -> list[Curves]:
    # Polished, so that replicates lie off the grid as the data do.
    parts = ranked[0].parts
    side = parts[0].family.side
    window = _WINDOW[side] * (len(parts) if side == "smooth" else 1)
    return [c for c in ranked if c.bic <= ranked[0].bic + window]


def _p(exceed: np.ndarray) -> float:
    return float((1 + exceed.sum()) / (1 + exceed.size))


def _simulated(both: tuple[Side, Side], null: Curves, errors: Sequence[ErrorSource]) -> FloatArray:
    """Statistic D in replicates of the null, both sides selected anew."""
    columns = [
        replicas(problem, curve.ability(problem.x), curve.n_params - 1, source)
        for problem, curve, source in zip(both[0].problems, null.parts, errors, strict=True)
    ]
    onset, smooth = (side.shortlist(columns).best(columns) for side in both)
    difference: FloatArray = smooth - onset
    return difference


def _flat_tests(
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


def _level_runs(problems: Sequence[Problem]) -> float:
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
