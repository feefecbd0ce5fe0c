"""OnsetFit: what stands behind a fitted threshold, for the modules that ask it more.

Users read :class:`ThresholdFit`; whatever else the library wants of a fit, its contests, polished
candidates and draws, is here and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from emergence._random import Stream, child
from emergence._typing import FloatArray
from emergence.engine.contest import Candidate, Contest, threshold_contest
from emergence.engine.eta_interval import (
    EtaTest,
    curve_draws,
    eta_interval,
    eta_profile,
    eta_replicates,
    pairs_interval,
)
from emergence.engine.isotonic import IsotonicOnset, isotonic_interval
from emergence.engine.problem import Problem
from emergence.engine.replicates import ErrorModel
from emergence.errors import DataError, MethodRefused
from emergence.fits.corner_width import width_bound
from emergence.interval import Interval, check_level, widened

_CORNER_DRAWS, _ISOTONIC_DRAWS = 199, 199
_FINE = 240  # thresholds of the even grid that the sampling distribution is drawn on


@dataclass(frozen=True)
class ShapeFit:
    """Threshold under one shape: its eta, parameters in natural units, and criterion."""

    shape: str
    eta: float
    params: dict[str, float]
    plateau: float
    bic: float


def shape_fit(problem: Problem, c: Candidate) -> ShapeFit:
    """Parameters in natural units: scores in the metric's units, losses in nats."""
    points = problem.points
    unit = points.best - points.chance
    params = c.family.natural(c.theta, float(c.amps[1]) * unit, problem.scale)
    level = float(points.chance + c.amps[0] * unit)
    return ShapeFit(c.family.name, problem.to_loss(float(c.theta[0])), params, level, c.bic)


@dataclass(frozen=True, eq=False)
class OnsetFit:
    """Contest of onsets on one problem, and what came of it.

    ``contest`` holds the onsets on the whitened problem, ``smooth`` the curves without a
    threshold; ``candidates`` are the onsets at their best parameters, best first; ``chosen`` is the
    estimate, one of them or the isotonic curve; ``errors`` draws replicates, ``n_boot`` of them.
    All places are on the canonical axis of ``problem``, all curves abilities.
    """

    contest: Contest
    smooth: Contest
    candidates: tuple[Candidate, ...]
    chosen: Candidate | IsotonicOnset
    errors: ErrorModel
    n_boot: int
    _known: dict[tuple[str, float], Any] = field(repr=False, default_factory=dict)

    @property
    def problem(self) -> Problem:
        """Whitened problem of single points."""
        return self.contest.problem.whole

    @property
    def eta(self) -> float:
        """Estimated threshold."""
        chosen = self.chosen
        return chosen.eta if isinstance(chosen, IsotonicOnset) else float(chosen.theta[0])

    def release(self) -> None:
        """Let the grids go; they are made again when needed."""
        for contest in (self.contest, self.smooth):
            contest.__dict__.pop("stack", None)

    def parametric(self, refusal: str) -> Candidate:
        """Return the estimate of a shape; MethodRefused with this text for the isotonic curve."""
        if isinstance(self.chosen, IsotonicOnset):
            raise MethodRefused(refusal)
        return self.chosen

    def interval(self, shape: str, level: float) -> Interval:
        """Interval of eta under one shape or under the competition of all, remembered."""
        check_level(level, self.n_boot)
        key = (shape, level)
        if key not in self._known:
            make = self._isotonic if shape == "isotonic" else self._profile
            centre = self.problem.to_loss(self._estimate(shape))
            made = make(shape, level)
            self._known[key] = widened(made, centre, self.problem.points.loss_sd)
        return cast(Interval, self._known[key])

    def _estimate(self, shape: str) -> float:
        """Eta on the canonical axis under one shape, or under the one chosen."""
        if shape in ("auto", "isotonic"):
            return self.eta
        mine = (float(c.theta[0]) for c in self.candidates if c.family.name == shape)
        if (eta := next(mine, None)) is None:
            raise DataError(f"shape {shape!r} was not part of this fit")
        return eta

    def _isotonic(self, _: str, level: float) -> Interval:
        draws, n = min(self.n_boot, _ISOTONIC_DRAWS), self.problem.n
        check_level(level, draws)
        index = child(self.errors.seed, Stream.ISOTONIC).integers(0, n, (n, draws))
        return isotonic_interval(self.problem, index, level)

    def _profile(self, shape: str, level: float) -> Interval:
        """Constrained-bootstrap interval under one shape, or under all (``auto``)."""
        contest, start = self.contest, self._estimate(shape)
        if shape != "auto":
            contest = contest.only(shape)
        key = ("eta profile " + shape, 0.0)
        if key not in self._known:
            self._known[key] = eta_profile(contest, start)
        errors = self.errors.source(self.n_boot, Stream.PROFILE)
        return eta_interval(self._known[key], contest, errors, level)

    def pairs(self, level: float, method: str, *, known_hinge: bool) -> Interval:
        """Interval of eta by the pairs bootstrap of the exact hinge."""
        rng, eta = child(self.errors.seed, Stream.PAIRS), self.problem.to_loss(self.eta)
        return pairs_interval(
            self.contest, eta, level, method=method, n_boot=self.n_boot, rng=rng,
            known_hinge=known_hinge,
        )  # fmt: skip

    def plateau_seen(self, alpha: float) -> bool:
        """Whether eta lies below the highest losses, by a one-sided test at level alpha."""
        key = ("plateau", alpha)
        if key not in self._known:
            assert self.contest.etas is not None
            test = EtaTest(self.contest, self.errors.source(self.n_boot, Stream.PROFILE))
            # The p-value is two-sided: of those at the edge half lie beyond it.
            top = float(self.contest.etas[-1])
            self._known[key] = test.p_value(top, 2 * alpha) <= 2 * alpha
        return bool(self._known[key])

    def corner_width(self) -> float:
        """Upper 95% bound for the width of the corner, nats."""
        key = ("width", 0.95)
        if key not in self._known:
            errors = self.errors.source(_CORNER_DRAWS, Stream.CORNER)
            self._known[key] = width_bound(self.contest, errors)
        return float(self._known[key])

    def curve_half_width(self, x: FloatArray, level: float) -> FloatArray:
        """Half width of a symmetric interval of the curve, the shape chosen anew each time."""
        best = self.parametric(
            "no interval of the isotonic curve is known to hold; use another shape"
        )
        draws = curve_draws(self.contest, best, self.errors.source(self.n_boot, Stream.CURVE), x)
        return np.asarray(np.quantile(np.abs(draws - best.ability(x)), level, axis=0))

    def eta_draws(self, around: Interval) -> FloatArray:
        """Eta (nats) in every replicate of a residual bootstrap, the shape chosen anew in each."""
        best = self.parametric("the isotonic curve has no bootstrap that is known to hold")
        errors, problem = self.errors.source(self.n_boot, Stream.CURVE), self.problem
        low, high = problem.to_x(np.array([around.low, around.high]))
        reach = 0.5 * (high - low)
        edge = problem.etas()[[0, -1]]
        # An even grid around the interval: on the grid of the fit, which follows the data,
        # the replicates would pile up in its cells.
        etas = np.linspace(max(low - reach, edge[0]), min(high + reach, edge[1]), _FINE)
        fine = threshold_contest(
            problem.condensed, self.contest.families, fit_level=self.contest.fit_level, etas=etas
        )
        return problem.low + problem.span * eta_replicates(fine, best, errors)
