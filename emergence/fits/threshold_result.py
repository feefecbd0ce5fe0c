"""ThresholdFit: what a fitted threshold knows: estimate, intervals, curve, report."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._results import Result, Status, jsonable, no_interval
from emergence._text import several, table
from emergence._typing import Axes, FloatArray
from emergence.errors import DataError, MethodRefused
from emergence.fits.onset_fit import OnsetFit, ShapeFit
from emergence.fits.runs.thresholds_result import RunThresholds
from emergence.interval import Curve, Interval, check_level, even
from emergence.records.points import Points

Method = Literal["profile", "symmetric", "percentile"]
_RULED_OUT = 10.0  # BIC worse than the best shape


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdFit(Result):
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
    core : OnsetFit
        What stands behind the fit, for other modules.
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
    core: OnsetFit = field(repr=False)

    side: ClassVar[Literal["threshold"]] = "threshold"

    @property
    def by_run(self) -> RunThresholds | None:
        """Thresholds of single runs, where these have their own."""
        return None

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        if self.status is Status.NO_ONSET:
            return f"{self.points.label}: {self.status}"
        choice = "chosen by BIC" if self.requested == "auto" else "given"
        return (
            f"{self.points.label} begins at a loss of {self.eta:.4g} {self.interval()}, "
            f"{self.shape} onset ({choice})"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.points.label}: eta {self.eta:.4g}, {self.shape})"

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

        Raises
        ------
        MethodRefused
            For a pairs-bootstrap interval of any shape but the hinge (for a jump the
            percentile interval covers as little as 1%), or on data with runs.
        DataError
            For another name or a level out of range.

        Notes
        -----
        See :mod:`emergence.engine.eta_interval`.  The test of eta uses

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
            raise no_interval(name, ("eta",))
        check_level(level, self.n_boot)
        if method not in ("profile", "symmetric", "percentile"):
            raise DataError(f"method {method!r} is not known: profile, symmetric or percentile")
        if method != "profile":
            return self.core.pairs(level, method, known_hinge=self.requested == "hinge")
        return self._interval(self.requested, level)

    def shape_interval(self, shape: str, level: float = 0.95) -> Interval:
        """Interval of eta if the shape were known to be ``shape``.

        MethodRefused where runs have thresholds of their own: on losses shifted onto one curve the
        interval would leave out how much the runs differ.
        """
        return self._interval(shape, level)

    def _interval(self, shape: str, level: float) -> Interval:
        if self.status is Status.NO_ONSET:
            raise MethodRefused(f"{self.points.label}: {self.status}; there is no eta to bound")
        return self.core.interval(shape, level)

    def bounds(self, level: float = 0.95, shape: str | None = None) -> Interval:
        """Interval as tables show it: NaN where there is no onset."""
        if self.status is Status.NO_ONSET:
            return Interval(np.nan, np.nan, level, "no onset")
        return self.shape_interval(shape, level) if shape else self.interval("eta", level)

    def plateau_seen(self, alpha: float = 0.05) -> bool:
        """Whether eta lies below the highest losses, by a one-sided test at level alpha.

        If it does not, no plateau has been seen, and a curve that bends from the start would
        look the same.
        """
        return self.status is not Status.NO_ONSET and self.core.plateau_seen(alpha)

    def corner_width(self) -> float:
        """Upper 95% bound for the width of the corner, nats.

        See :mod:`emergence.fits.corner_width`.  NaN where runs have thresholds of their own:
        shifted onto one they sharpen the corner.
        """
        return self.core.corner_width()

    def predict(
        self, loss: ArrayLike, level: float | None = None
    ) -> FloatArray | tuple[FloatArray, FloatArray, FloatArray]:
        """Fitted score at new losses, with a pointwise interval of the curve if asked.

        Parameters
        ----------
        loss : array_like
            Losses, nats per token; of a single one the answer has no dimension either.
        level : float, optional
            Coverage of the interval.  It is symmetric around the estimate, from a residual
            bootstrap in which the shape is chosen anew in every replicate.

        Examples
        --------
        >>> from emergence import fit_threshold, simulate
        >>> fit = fit_threshold(simulate(eta=2.2, n=60, rng=1).select(), rng=0)
        >>> float(fit.predict([3.0])[0])
        0.25
        """
        problem = self.core.problem
        shape = np.shape(loss)
        x = problem.to_x(np.asarray(loss, dtype=float).ravel())
        ability = self.core.chosen.ability(x)
        if level is None:
            return problem.to_value(ability).reshape(shape)
        check_level(level, self.n_boot)
        half = self.core.curve_half_width(x, level)
        below = ability - half
        if not self.core.contest.fit_level:
            below = np.maximum(below, 0.0)  # no curve of these shapes lies below its plateau
        ends = np.sort([problem.to_value(v) for v in (below, ability + half)], axis=0)
        value, low, high = (v.reshape(shape) for v in (problem.to_value(ability), *ends))
        return value, low, high

    @property
    def resid(self) -> FloatArray:
        """Scores less the fitted curve, in the order of ``points``."""
        return np.asarray(self.points.value - self.predict(self.points.loss))

    @property
    def aic(self) -> float:
        """Akaike's criterion on the scale of ``bic``: 2 for each parameter."""
        k = self.core.chosen.n_params
        return self.bic + k * (2.0 - float(np.log(self.points.size)))

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Interval of eta where users of statsmodels look for it: columns 0 and 1."""
        ci = self.interval("eta", 1.0 - alpha)
        return pd.DataFrame([[ci.low, ci.high]], index=["eta"])

    def eta_draws(self) -> FloatArray:
        """Eta in every replicate of a residual bootstrap, the shape chosen anew in each.

        They show the sampling distribution.  The interval does not come from them: their
        percentiles break down where the score jumps.  Where runs have thresholds of their own,
        draws of the t distribution of their mean.
        """
        return self.core.eta_draws(self.interval("eta", 0.99))

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per shape, best first: eta, interval, BIC above the best."""
        intervals = [self.bounds(level, s.shape) for s in self.shapes]
        return self._table([s.eta for s in self.shapes], intervals)

    def _table(self, etas: list[float], intervals: list[Interval]) -> pd.DataFrame:
        """Rows of the first shapes."""
        rows = [
            {"shape": s.shape, "eta": eta, **ci.ends(), "delta_bic": s.bic - self.shapes[0].bic}
            for s, eta, ci in zip(self.shapes, etas, intervals, strict=False)
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        return super().to_dict() | {"data": jsonable(self.points.facts())}

    def summary(self, level: float = 0.95) -> str:
        """Report as text: estimate, interval, eta under every shape, noise, warnings.

        Shapes that are worse than the best by more than 10 BIC have no interval here; ``to_frame``
        gives it.
        """
        p, noise = self.points, self.noise
        if self.status is Status.NO_ONSET:
            return f"Threshold of {p.label}: {p.size} points\n  status {self.status}"
        choice = f"shape given: {self.shape}"
        if self.requested == "auto":
            choice = f"shape chosen by BIC: {self.shape}; the interval carries the choice"
        lines = [
            f"Threshold of {p.label}: {p.size} points, {several(p.n_runs, 'run')}",
            f"  eta    {self.eta:.4f}  {level:.0%} {self.interval('eta', level)}   ({choice})",
            f"  params {', '.join(f'{k} = {v:.4g}' for k, v in self.params.items())}",
            f"  plateau {self.plateau:.4g} ({noise['plateau']})",
            f"  noise  {noise['name']} ({noise['reason']}), sd {noise['sd']:.3g}"
            + (f", dispersion {d:.3g}" if (d := noise["dispersion"]) is not None else "")
            + (f", intra-class {c:.2g}" if (c := noise["intraclass"]) is not None else ""),
            f"  runs   {noise['runs']}",
            f"  status {self.status}",
            *self._by_shape(level),
        ]
        return "\n".join(lines + self._warned)

    def _by_shape(self, level: float) -> list[str]:
        """Eta under every shape, as lines of the summary."""
        rows = []
        for s in self.shapes:
            worse = s.bic - self.shapes[0].bic
            ends = ("-", "-")  # the data rule the shape out, and any interval that it would give
            if worse <= _RULED_OUT:
                ci = self.bounds(level, s.shape)
                ends = (f"{ci.low:.4f}", f"{ci.high:.4f}{'+' if ci.open_high else ''}")
            rows.append((s.shape, f"{s.eta:.4f}", *ends, f"{worse:.1f}"))
        return ["", *table(rows, ("if known", "eta", "low", "high", "dBIC"), right=range(1, 5))]

    def onset(self, level: float) -> tuple[float, Interval] | None:
        """Threshold and its interval, as figures draw them; None where there is none."""
        if self.status is Status.NO_ONSET:
            return None
        return self.eta, self.interval("eta", level)

    def curves(self, level: float | None) -> list[Curve]:
        """Curve with its band, as figures draw it; without a band where ``level`` is None."""
        if self.status is Status.NO_ONSET:
            return []
        # Both sides of eta, or a jump would be drawn as a slope between grid points.
        losses = np.sort(np.append(even(self.points.loss), self.eta + np.array([-1e-9, 1e-9])))
        if level is None or self.shape == "isotonic":
            return [Curve(losses, np.asarray(self.predict(losses)))]
        return [Curve(losses, *self.predict(losses, level))]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw points, fit, band, eta and chance; see :func:`emergence.figures.fit.plot_fit`."""
        from emergence.figures.fit import plot_fit  # matplotlib only when drawing

        return plot_fit(self, ax=ax)
