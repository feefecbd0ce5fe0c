r"""diagnose: which checkpoints and runs carry a threshold, and what the residuals still hold.

Leverage is the diagonal of the hat matrix of the fit linearised at its parameters,

.. math:: h_i = \tilde x_i' (\tilde X' \tilde X)^{-1} \tilde x_i,

with :math:`\tilde X` the whitened derivatives of the curve; the influence of a checkpoint on eta is
the change of eta when it is left out, to first order (Cook 1977, Technometrics 19, 15).  Runs are
left out one by one and the threshold is fitted again; where runs have thresholds of their own, the
mean is taken without that run's (Viechtbauer & Cheung 2010, Res. Synth. Methods 1, 112).

Beside our fit stand two by other hands (:mod:`emergence.noise.reference`): the drift of the
residuals with errors clustered by run, and the psychometric curve of counts.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from emergence._results import Result, Status, jsonable, no_interval
from emergence._text import table
from emergence._typing import Axes, FloatArray
from emergence.engine.contest import Candidate
from emergence.errors import DataError, MethodRefused
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval, interval_of
from emergence.noise.reference import BinomialReference, binomial_reference, clustered_slope
from emergence.records.points import LEAST_POINTS, Points

# The least draws that show this level.
_LEAST_DRAWS, _LEVEL = 99, 0.95
# A checkpoint whose fit is half its own observation is called decisive.
_LEVERAGE = 0.5
# Of more runs than this, those that move eta by less of its interval are not fitted without.
_MANY_RUNS, _SLIGHT = 8, 0.1
_DRIFT = 0.01


@dataclass(frozen=True, eq=False, repr=False)
class Diagnostics(Result):
    """What a threshold rests on; made by :func:`diagnose`.

    Attributes
    ----------
    label : str
        Task and metric.
    eta : float
        Threshold of the fit, nats per token.
    points : DataFrame
        One row per checkpoint, by rising loss: run, loss, value, residual (score),
        ``leverage`` (0 to 1) and ``eta_shift`` (change of eta without it, nats).
    runs : DataFrame
        One row per run: eta and its interval without it (to first order, for those of many runs
        that hardly move it), and whether the run ``decides``: the two
        estimates lie outside each other's interval, or without it no interval is bounded, or
        there is no onset without it (then eta is NaN).
    drift : DataFrame
        Rank correlation of the residuals with tokens and with size, and its p-value; their change
        for a factor of ten and its p-value with errors clustered by run (NaN for few runs).
    reference : BinomialReference or None
        For counts, a fit by other hands.
    warnings : tuple of str
    """

    label: str
    eta: float
    points: pd.DataFrame = field(repr=False)
    runs: pd.DataFrame = field(repr=False)
    drift: pd.DataFrame = field(repr=False)
    reference: BinomialReference | None
    warnings: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        deciding = self.runs["run"][self.runs["decides"].astype(bool)].tolist()
        high = int((self.points["leverage"] > _LEVERAGE).sum())
        if not self.warnings:
            return f"{self.label}: no checkpoint or run decides eta, and the residuals do not drift"
        return (
            f"{self.label}: "
            + (f"run {', '.join(deciding)} decides eta" if deciding else "no run decides eta")
            + f"; {high} of {len(self.points)} checkpoints have high leverage"
            + "".join(f"; the residuals drift with {name}" for name in self._drifting)
        )

    @property
    def _drifting(self) -> list[str]:
        return self.drift["by"][self.drift["p_value"] < _DRIFT].tolist()

    def interval(self, name: str, level: float = _LEVEL) -> Interval:
        """Interval of eta without one run, at 95%.

        DataError for a name that is no run whose fit was repeated, or another level.
        """
        mine = self.runs[self.runs["run"] == name]
        if not len(mine) or level != _LEVEL:
            raise no_interval(f"{name} at {level:g}", (f"{r} at 0.95" for r in self.runs["run"]))
        low, high = mine[["low", "high"]].to_numpy(dtype=float)[0]
        return interval_of(low, high, level, "profile")

    def to_frame(self) -> pd.DataFrame:
        """One row per checkpoint."""
        return self.points.copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        tables = {name: getattr(self, name).to_dict("list") for name in ("points", "runs", "drift")}
        return super().to_dict() | {name: jsonable(table) for name, table in tables.items()}

    def summary(self) -> str:
        """Report as text."""
        top = self.points.nlargest(3, "leverage")
        lines = ["Diagnostics", "  highest leverage:"]
        lines += table(
            (
                str(r["run"]),
                f"loss {r['loss']:.4g}",
                f"leverage {r['leverage']:.2f}",
                f"eta {r['eta_shift']:+.4f} without it",
            )
            for r in top.to_dict("records")
        )
        if len(self.runs):
            lines.append("  without the run:")
            lines += table(
                (
                    str(r["run"]),
                    f"eta {r['eta']:.4f}" if np.isfinite(r["eta"]) else "no onset",
                    "it decides" if r["decides"] else "",
                )
                for r in self.runs.to_dict("records")
            )
        for r in self.drift.to_dict("records"):
            lines.append(
                f"  residuals with {r['by']}: rank correlation {r['correlation']:+.2f}, "
                f"p = {r['p_value']:.2g}"
            )
            if np.isfinite(r["p_clustered"]):
                lines[-1] += (
                    f"; {r['per_decade']:+.2g} for a factor of ten, p = {r['p_clustered']:.2g} "
                    "with errors clustered by run"
                )
        if (g := self.reference) is not None:
            lines.append(
                f"  binomial GLM: slope {g.slope:.3g} per nat (s.e. {g.slope_se:.2g}"
                f"{', clustered by run' if g.clustered else ''}), dispersion {g.dispersion:.3g}, "
                f"score at eta {float(g.predict(self.eta)):.3f}"
            )
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the residual of every checkpoint, the larger the more leverage."""
        from emergence.figures.diagnostics import plot_leverage  # matplotlib only when drawing

        return plot_leverage(self.points, self.eta, ax)


def diagnose(fit: ThresholdFit) -> Diagnostics:
    """Leverage of checkpoints, the fit without each run, and drift of the residuals.

    Parameters
    ----------
    fit : ThresholdFit
        Any shape but the isotonic.

    Raises
    ------
    MethodRefused
        For an isotonic curve, which has no derivatives, and for a fit without an onset.

    Examples
    --------
    >>> from emergence import diagnose, fit_threshold, simulate
    >>> points = simulate("hinge", n=72, n_runs=6, rng=1).select()
    >>> diagnose(fit_threshold(points, n_boot=199)).warnings
    ()
    """
    if fit.status is Status.NO_ONSET:
        raise MethodRefused(f"{fit.points.label}: {fit.status}; there is no onset to diagnose")
    best = fit.core.parametric("an isotonic curve has no derivatives; diagnose another shape")
    table = _checkpoints(fit, best)
    runs = _without_each_run(fit, table.groupby("run")["eta_shift"].sum())
    drift = _drift(fit.core.problem.points, table["residual"].to_numpy(dtype=float))
    return Diagnostics(
        label=fit.points.label,
        eta=fit.eta,
        points=table,
        runs=runs,
        drift=drift,
        reference=binomial_reference(fit.points),
        warnings=_warnings(table, runs, drift),
    )


def _warnings(table: pd.DataFrame, runs: pd.DataFrame, drift: pd.DataFrame) -> tuple[str, ...]:
    """What in the three tables should be read with care."""
    out = [
        f"run {r['run']} decides: without it "
        + (
            f"eta is {r['eta']:.3f} [{r['low']:.3f}, {r['high']:.3f}]"
            if np.isfinite(r["eta"])
            else "there is no onset"
        )
        for r in runs.to_dict("records")
        if r["decides"]
    ]
    out += [
        f"the checkpoint at loss {r['loss']:.4g}"
        + (f" (run {r['run']})" if r["run"] else "")
        + f" has leverage {r['leverage']:.2f}"
        for r in table[table["leverage"] > _LEVERAGE].to_dict("records")
    ]
    out += [
        f"at equal loss the score still moves with {r['by']} (rank correlation of the residuals "
        f"{r['correlation']:+.2f})"
        for r in drift.to_dict("records")
        if r["p_value"] < _DRIFT
    ]
    return tuple(out)


def _checkpoints(fit: ThresholdFit, best: Candidate) -> pd.DataFrame:
    """Residual, leverage and influence of every checkpoint."""
    problem = fit.core.problem
    points = problem.points
    natural = best.jacobian(problem.x, level=fit.core.contest.fit_level)
    design = problem.white(natural)
    scale = np.sqrt(np.einsum("ij,ij->i", design, design))
    keep = scale > 1e-12
    design = design[keep] / scale[keep, None]
    inverse = np.linalg.pinv(design @ design.T, rcond=1e-10, hermitian=True)
    leverage = np.einsum("ij,ik,kj->j", design, inverse, design)
    residual = problem.wy - problem.white(best.ability(problem.x)[None])[0]
    # eta is the first of the non-linear parameters, after the level and the amplitudes.
    place = int(fit.core.contest.fit_level) + best.amps.size - 1
    shift = np.zeros(problem.n)
    if keep[place]:
        row = int(keep[:place].sum())
        effect = inverse[row] @ design / scale[place]
        shift = -problem.span * effect * residual / np.maximum(1.0 - leverage, 1e-6)
    run = points.run if points.run is not None else np.full(points.size, "")
    return pd.DataFrame(
        {
            "run": run.astype(str),
            "loss": points.loss,
            "value": points.value,
            "residual": points.value - problem.to_value(best.ability(problem.x)),
            "leverage": leverage,
            "eta_shift": shift,
        }
    )


def _without_each_run(fit: ThresholdFit, shift: "pd.Series[float]") -> pd.DataFrame:
    """Eta without each run, and whether that run decides.

    ``shift`` is how far eta moves without each, to first order; where that is slight it is taken.
    """
    points, rows = fit.points, []
    runs = [] if points.run is None else np.unique(points.run.astype(str)).tolist()
    if len(runs) < 2 or len(runs) == points.size:
        runs = []
    whole = fit.interval("eta", _LEVEL) if runs else None
    for run in runs:
        moves = float(shift.get(run, np.nan))  # of a run that was set aside nothing is known
        slight = whole is not None and abs(moves) < _SLIGHT * (whole.high - whole.low)
        if whole is not None and slight and len(runs) > _MANY_RUNS and fit.by_run is None:
            rows.append((run, fit.eta + moves, whole.low + moves, whole.high + moves, False))
            continue
        again = _without(fit, run)
        if again is None:  # what is left cannot be fitted: that says nothing of this run
            continue
        eta, ci = again
        if whole is None or ci is None:
            rows.append((run, eta, np.nan, np.nan, True))
            continue
        bounded = whole.open_low >= ci.open_low and whole.open_high >= ci.open_high
        decides = not bounded or (eta not in whole and fit.eta not in ci)
        rows.append((run, eta, ci.low, ci.high, decides))
    return pd.DataFrame(rows, columns=["run", "eta", "low", "high", "decides"])


def _without(fit: ThresholdFit, run: str) -> tuple[float, Interval | None] | None:
    """Eta and its interval without one run; NaN and None where there is no onset then."""
    # The mean of the thresholds of runs is taken anew, on the curve that they share; a common
    # threshold is fitted anew, with the fit's own shapes and plateau.
    if fit.by_run is not None:
        mean = fit.by_run.without(run, _LEVEL)
        return None if mean is None else (0.5 * (mean.low + mean.high), mean)
    rest = fit.points.where(np.asarray(fit.points.run).astype(str) != run)
    problem = fit.core.problem
    if rest.size < LEAST_POINTS:
        return None
    try:
        again = fit_threshold(
            rest,
            shape=fit.requested,
            plateau="fitted" if fit.core.contest.fit_level else "chance",
            noise=problem.precision.name,
            runs=problem.run_model.name,
            n_boot=_LEAST_DRAWS,
        )
    except DataError:
        return None
    if again.status is Status.NO_ONSET:
        return np.nan, None
    return again.eta, again.interval("eta", _LEVEL)


def _drift(points: Points, residual: FloatArray) -> pd.DataFrame:
    """Rank correlation of the residuals with tokens and size, and their clustered slope."""
    rows = []
    for name in ("tokens", "params"):
        column = getattr(points, name)
        if column is not None and np.unique(column).size > 2:
            found = spearmanr(column, residual)
            slope = clustered_slope(points, np.log10(column), residual)
            rows.append((name, float(found.statistic), float(found.pvalue), *slope))
    columns = ["by", "correlation", "p_value", "per_decade", "p_clustered"]
    return pd.DataFrame(rows, columns=columns)
