"""ThresholdFit: what a fitted threshold knows: estimate, intervals, curve, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.between_runs_result import RunThresholds
from emergence.contest import Candidate, Contest, threshold_contest
from emergence.errors import DataError, MethodRefused
from emergence.families import eta_grid
from emergence.intervals import (
    EtaTest,
    Interval,
    check_level,
    curve_draws,
    eta_interval,
    eta_replicates,
    pairs_interval,
)
from emergence.isotonic import IsotonicOnset, isotonic_interval
from emergence.points import Points
from emergence.resample import ErrorModel, child
from emergence.results import Status, jsonable
from emergence.shapes import ShapeFit
from emergence.threshold_summary import summarise
from emergence.width import width_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = Literal["profile", "symmetric", "percentile"]

# Streams of random numbers, one for each purpose.
_PROFILE, _PAIRS, _PREDICT, _ISOTONIC, _WIDTH = 1, 2, 3, 4, 13
_WIDTH_DRAWS = 199


@dataclass(frozen=True, eq=False)
class ThresholdFit:
    """A fitted threshold; made by :func:`fit_threshold`.

    Attributes
    ----------
    shape : str
        Shape of the estimate; under ``requested="auto"`` the one with the lowest BIC.
    eta : float
        Threshold loss, nats per token.
    params : dict
        Parameters in natural units: ``slope`` in score per nat, ``exponent``, ``rate``
        per nat, ``jump`` and ``amplitude`` in score.
    plateau : float
        Score above the threshold: chance, or the fitted level.
    shapes : tuple of ShapeFit
        Every shape that competed, best first.
    noise : dict
        The noise model, why it was chosen, and its estimates.
    status : Status
        Outcome; its text says what it means.
    warnings : tuple of str
        What should be read with care.
    n_boot : int
        Replicates behind each interval.
    by_run : RunThresholds or None
        With ``runs="random threshold"``, the thresholds of single runs.
    """

    points: Points = field(repr=False)
    requested: str
    shape: str
    eta: float
    params: dict[str, float]
    plateau: float
    rss: float
    bic: float
    shapes: tuple[ShapeFit, ...]
    noise: dict[str, Any]
    status: Status
    warnings: tuple[str, ...]
    n_boot: int
    _contest: Contest = field(repr=False)
    _smooth: Contest = field(repr=False)
    _candidates: tuple[Candidate, ...] = field(repr=False)
    _best: Candidate | IsotonicOnset = field(repr=False)
    _errors: ErrorModel = field(repr=False)
    by_run: RunThresholds | None = field(repr=False, default=None)
    _cache: dict[tuple[str, float], Any] = field(repr=False, default_factory=dict)

    def interval(
        self, name: str = "eta", level: float = 0.95, method: Method = "profile"
    ) -> Interval:
        r"""Confidence interval.

        Parameters
        ----------
        name : {"eta"}
            The quantity.
        level : float
            Nominal coverage, between 0.5 and 0.999.
        method : {"profile", "symmetric", "percentile"}
            ``profile`` inverts a constrained bootstrap test of every eta (the only one known to
            hold for every shape); the others use the pairs bootstrap of the exact hinge.

        Returns
        -------
        Interval

        Raises
        ------
        MethodRefused
            For a pairs-bootstrap interval of any shape but the hinge (for a jump the
            percentile interval covers as little as 1%), or on data with runs.
        DataError
            For another name or a level out of range.

        Notes
        -----
        See :mod:`emergence.intervals`.  The test of eta uses

        .. math:: T(\eta) = \min_s \mathrm{BIC}_s(\eta) - \min_{s, \eta'} \mathrm{BIC}_s(\eta').

        Examples
        --------
        >>> from emergence import fit_threshold, simulate
        >>> points = simulate(eta=2.2, n=60, rng=1).select()
        >>> low, high = fit_threshold(points, n_boot=199, rng=0).interval("eta")
        >>> low < 2.2 < high
        True
        """
        if name != "eta":
            raise DataError(f"no interval for {name!r}; there is one for 'eta'")
        check_level(level, self.n_boot)
        if method not in ("profile", "symmetric", "percentile"):
            raise DataError(f"method {method!r} is not known: profile, symmetric or percentile")
        if self.by_run is not None:
            return self.by_run.interval("eta", level)
        if method == "profile":
            return self._profile(self.requested, level)
        rng = child(self._errors.seed, _PAIRS)
        known = self.requested == "hinge"
        return pairs_interval(self._contest, self.eta, level, method, self.n_boot, rng, known)

    def shape_interval(self, shape: str, level: float = 0.95) -> Interval:
        """Interval of eta if the shape were known to be ``shape``.

        Raises
        ------
        MethodRefused
            Where runs have thresholds of their own: on losses shifted onto one curve the interval
            would leave out how much the runs differ.
        """
        if self.by_run is not None:
            raise MethodRefused(
                f"{self.points.label}: runs have thresholds of their own; fit again with "
                f"shape={shape!r}"
            )
        return self._profile(shape, level)

    def plateau_seen(self, alpha: float = 0.05) -> bool:
        """Whether eta lies below the highest losses, by a one-sided test at level alpha.

        If it does not, no plateau has been seen, and a curve that bends from the start would
        look the same.
        """
        if self.status is Status.NO_ONSET:
            return False
        key = ("plateau", alpha)
        if key not in self._cache:
            errors = self._errors.source(self.n_boot, _PROFILE)
            assert self._contest.etas is not None
            top = float(self._contest.etas[-1])
            self._cache[key] = EtaTest(self._contest, errors).p_value(top, 2 * alpha) <= 2 * alpha
        return bool(self._cache[key])

    def corner_width(self) -> float:
        """Upper 95% bound for the width of the corner, nats; see :mod:`emergence.width`.

        NaN where runs have thresholds of their own: shifted onto one they sharpen the corner.
        """
        if self.by_run is not None:
            return float("nan")
        key = ("width", 0.95)
        if key not in self._cache:
            errors = self._errors.source(_WIDTH_DRAWS, _WIDTH)
            self._cache[key] = width_bound(self._contest, errors)
        return float(self._cache[key])

    def light(self) -> ThresholdFit:
        """Same fit without its grids, which are made again when needed: small to keep or send.

        What has been computed already stays.
        """
        return replace(self, _contest=self._contest.light(), _smooth=self._smooth.light())

    def _profile(self, shape: str, level: float) -> Interval:
        """Interval under one shape or under the competition of all, remembered."""
        check_level(level, self.n_boot)
        if self.status is Status.NO_ONSET:
            raise MethodRefused(f"{self.points.label}: {self.status}; there is no eta to bound")
        key = (shape, level)
        if key not in self._cache:
            if shape == "isotonic":
                draws = min(self.n_boot, 199)
                check_level(level, draws)
                index = child(self._errors.seed, _ISOTONIC).integers(
                    0, self.points.size, (self.points.size, draws)
                )
                self._cache[key] = isotonic_interval(self._contest.problem, index, level)
            else:
                self._cache[key] = self._competing(shape, level)
        return cast(Interval, self._cache[key])

    def _competing(self, shape: str, level: float) -> Interval:
        """Constrained-bootstrap interval under one shape, or under all (``auto``)."""
        contest, target = self._contest, self.eta
        if shape != "auto":
            contest = contest.only(shape)
            if not contest.families:
                raise DataError(f"shape {shape!r} was not part of this fit")
            target = next(s.eta for s in self.shapes if s.shape == shape)
        start = float(contest.problem.to_x(target))
        errors = self._errors.source(self.n_boot, _PROFILE)
        return eta_interval(contest, errors, start, level)

    def predict(
        self, loss: ArrayLike, level: float | None = None
    ) -> FloatArray | tuple[FloatArray, FloatArray, FloatArray]:
        """Fitted score at new losses, with a pointwise interval of the curve if asked.

        Parameters
        ----------
        loss : array_like
            Losses, nats per token.
        level : float, optional
            Coverage of the interval.  It is symmetric around the estimate, from a residual
            bootstrap in which the shape is chosen anew in every replicate.

        Returns
        -------
        ndarray, or three of them (score, low, high) with ``level``

        Examples
        --------
        >>> from emergence import fit_threshold, simulate
        >>> fit = fit_threshold(simulate(eta=2.2, n=60, rng=1).select(), rng=0)
        >>> float(fit.predict([3.0])[0])
        0.25
        """
        problem = self._contest.problem
        x = problem.to_x(np.atleast_1d(np.asarray(loss, dtype=float)))
        ability = self._best.ability(x)
        if level is None:
            return problem.to_value(ability)
        check_level(level, self.n_boot)
        if isinstance(self._best, IsotonicOnset):
            raise MethodRefused(
                "no interval of the isotonic curve is known to hold; use another shape"
            )
        errors = self._errors.source(self.n_boot, _PREDICT)
        draws = curve_draws(self._contest, self._best, errors, x)
        half = np.quantile(np.abs(draws - ability), level, axis=0)
        below = ability - half
        if not self._contest.fit_level:
            below = np.maximum(below, 0.0)  # no curve of these shapes lies below its plateau
        ends = np.sort([problem.to_value(v) for v in (below, ability + half)], axis=0)
        return problem.to_value(ability), ends[0], ends[1]

    def eta_draws(self) -> FloatArray:
        """Eta in every replicate of a residual bootstrap, the shape chosen anew in each.

        They show the sampling distribution.  The interval does not come from them: their
        percentiles break down where the score jumps.  Where runs have thresholds of their own,
        draws of the t distribution of their mean.
        """
        if self.by_run is not None:
            t = child(self._errors.seed, _PREDICT).standard_t(self.by_run.dof, self.n_boot)
            return self.by_run.eta + self.by_run.stderr * t
        if isinstance(self._best, IsotonicOnset):
            raise MethodRefused("the isotonic curve has no bootstrap that is known to hold")
        errors = self._errors.source(self.n_boot, _PREDICT)
        problem, ci = self._contest.problem, self.interval("eta", 0.99)
        low, high = problem.to_x(np.array([ci.low, ci.high]))
        reach = 0.5 * (high - low)
        edge = eta_grid(problem.x)[[0, -1]]
        # An even grid around the interval: on the grid of the fit, which follows the data,
        # the replicates would pile up in its cells.
        etas = np.linspace(max(low - reach, edge[0]), min(high + reach, edge[1]), 240)
        families = self._contest.families
        fine = threshold_contest(problem, families, fit_level=self._contest.fit_level, etas=etas)
        return problem.low + problem.span * eta_replicates(fine, self._best, errors)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per shape, best first: eta, interval, BIC above the best.

        Where runs have thresholds of their own, the shape that they share alone.
        """
        rows, own = [], self.by_run is not None
        for s in self.shapes[:1] if own else self.shapes:
            ci = self.interval("eta", level) if own else self.shape_interval(s.shape, level)
            rows.append(
                {
                    "shape": s.shape,
                    "eta": self.eta if own else s.eta,
                    "low": ci.low,
                    "high": ci.high,
                    "open_low": ci.open_low,
                    "open_high": ci.open_high,
                    "delta_bic": s.bic - self.shapes[0].bic,
                }
            )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        out: dict[str, Any] = jsonable(self)
        out["data"] = jsonable(self.points.facts())
        return out

    def summary(self, level: float = 0.95) -> str:
        """Report as text: estimate, interval, eta under every shape, noise, warnings."""
        return summarise(self, level)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw points, fit, band, eta and chance; see :func:`emergence.report.figures.plot_fit`."""
        from emergence.report.figures import plot_fit  # matplotlib only when drawing

        return plot_fit(self, ax=ax)
