r"""translate: a threshold on one loss as a threshold on another.

Losses on two texts, or by two tokenizers, of the same checkpoints fall on a curve (Brandfonbrener
et al. 2024, arXiv 2411.12925; Mayilvahanan et al. 2025, arXiv 2502.12120).  Near eta that curve is
measured run by run, and runs differ:

.. math:: L'_r(\eta) \sim N(\eta', \tau^2 + s_r^2)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.special import stdtrit

from emergence._results import Result, Status, no_interval
from emergence._typing import Axes, FloatArray
from emergence.errors import DataError, MethodRefused
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval, check_level
from emergence.noise.random_effects import RandomEffects, fit_random_effects
from emergence.records.datasets import losses_table

_LEAST = 8  # checkpoints of a run behind its curve near eta
_SHARE = 0.3  # of a run's checkpoints that are near
_EXPLAINED = 0.5  # share of the one loss inside a run that the other must explain
_HALF = 0.5  # of the losses seen: what a new run may be off by before the two are not tied


class _Local(NamedTuple):
    """Curve of one run at eta: the other loss, its standard error, slope, and share explained."""

    run: str
    value: float
    stderr: float
    slope: float
    explained: float


@dataclass(frozen=True, eq=False, repr=False)
class Translation(Result):
    """Threshold on another loss; made by :func:`translate`.

    Attributes
    ----------
    source, target : str
        Columns of the two losses.
    source_eta : float
        Threshold on the first loss.
    eta : float
        Threshold on the other, the mean over runs.
    slope : float
        Nats of the other loss for a nat of the first, at eta.
    runs : tuple of str
        Runs whose checkpoints lie on both sides of eta.
    warnings : tuple of str
    """

    source: str
    target: str
    source_eta: float
    eta: float
    slope: float
    runs: tuple[str, ...]
    warnings: tuple[str, ...]
    _local: tuple[_Local, ...] = field(repr=False)
    _effects: RandomEffects | None = field(repr=False)
    _source_fit: ThresholdFit | None = field(repr=False)
    _table: pd.DataFrame = field(repr=False)

    @property
    def spread(self) -> float:
        """Standard deviation between runs, nats; NaN for one run."""
        return float("nan") if self._effects is None else self._effects.tau

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        return self._said(0.95)

    def summary(self, level: float = 0.95) -> str:
        """Report as text."""
        return "\n".join([self._said(level), *self._warned])

    def _said(self, level: float) -> str:
        differ = "" if np.isnan(self.spread) else f"; runs differ by sd {self.spread:.2g} nats"
        return (
            f"{self.source} = {self.source_eta:.4g} is {self.target} = {self.eta:.4g} "
            f"{self.interval('eta', level):.4g}, by {len(self.runs)} "
            f"{'run' if len(self.runs) == 1 else 'runs'}{differ}"
        )

    def interval(self, name: str = "eta", level: float = 0.95) -> Interval:
        """Interval of ``eta``, of that of a ``new_run``, or of the ``spread`` between runs.

        For eta and a new run with Student's t over the runs, and with the interval of the
        threshold that was translated; the spread by inversion of Cochran's Q.  One run says
        nothing of another: there eta is that of its own curve, and has the only interval.
        """
        check_level(level)
        known = ("eta",) if self._effects is None else ("eta", "new_run", "spread")
        if name not in known:
            raise no_interval(name, known)
        if name == "spread" and self._effects is not None:
            return Interval(*self._effects.tau_interval(level), level, "Q-profile")
        own = self._margin(level, new_run=name == "new_run")
        low, high, ends = own, own, {"open_low": False, "open_high": False}
        if self._source_fit is not None:
            ci = self._source_fit.interval("eta", level)
            below, above = self.source_eta - ci.low, ci.high - self.source_eta
            low, high = (float(np.hypot(own, self.slope * d)) for d in (below, above))
            ends = {"open_low": ci.open_low, "open_high": ci.open_high}
        return Interval(self.eta - low, self.eta + high, level, "t over runs", **ends)

    def _margin(self, level: float, *, new_run: bool) -> float:
        if self._effects is None:
            quantile = float(stdtrit(_LEAST - 3, 0.5 * (1.0 + level)))
            return quantile * self._local[0].stderr  # of one run: its own curve, no more
        if not new_run:
            return self._effects.margin(level)
        e = self._effects
        quantile = float(stdtrit(e.dof, 0.5 * (1.0 + level)))
        return quantile * float(np.sqrt(e.covariance[0, 0] + e.tau**2))

    def to_frame(self) -> pd.DataFrame:
        """One row per run: the other loss at eta, its standard error, and the slope."""
        return pd.DataFrame(self._local)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the one loss against the other, run by run, and both thresholds."""
        from emergence.figures.translation import Shown, plot_translation

        shown = Shown(self.source, self.target, self.source_eta, self.eta, self.interval())
        return plot_translation(self._table, shown, ax)


def translate(
    eta: float | ThresholdFit,
    losses: pd.DataFrame | str | Path,
    source: str,
    target: str,
    *,
    run: str = "run",
) -> Translation:
    r"""Translate a threshold on one loss to a threshold on another.

    Near eta each run that has checkpoints on both sides gives its curve of the one loss against
    the other, a weighted parabola through its nearest checkpoints, and with it the other loss at
    eta.  Over runs these are random effects,

    .. math:: L'_r(\eta) \sim N(\eta', \tau^2 + s_r^2)

    so the interval says what runs like these give, not how well one curve is known.

    Parameters
    ----------
    eta : float or ThresholdFit
        Threshold on the loss ``source``, nats; of a fit its interval goes in, at every level.
    losses : DataFrame, path or name of a bundled table
        One row per checkpoint: the columns ``run``, ``source`` and ``target``.
    source, target : str
        Columns of the two losses, in any unit, such as nats per token or bits per byte.
    run : str
        Column that names the run.

    Returns
    -------
    Translation

    Raises
    ------
    DataError
        Without such columns, or where no run has checkpoints on both sides of eta.
    MethodRefused
        Of a fit without an onset, and where the two losses are not tied: the one does not move
        with the other, or differs between runs by half of what was seen of it.

    Examples
    --------
    >>> from emergence import load_losses
    >>> found = translate(2.70, load_losses("olmo"), "c4_en", "pile")
    >>> len(found.runs), round(found.eta, 2)
    (4, 2.06)
    """
    table = losses_table(losses)
    if missing := [c for c in (run, source, target) if c not in table]:
        raise DataError(f"no column {missing[0]!r}; there is {', '.join(map(str, table.columns))}")
    if source == target or not all(is_numeric_dtype(table[c]) for c in (source, target)):
        raise DataError(f"{source!r} and {target!r} must be two columns of numbers")
    if isinstance(eta, ThresholdFit) and eta.status is Status.NO_ONSET:
        raise MethodRefused(f"{eta.points.label}: {eta.status}; there is no eta to translate")
    number = float(eta.eta if isinstance(eta, ThresholdFit) else eta)
    both = table[[run, source, target]].dropna()
    both = both[np.isfinite(both[[source, target]].to_numpy(dtype=float)).all(axis=1)]
    found = [
        local
        for name, rows in both.groupby(run)
        if (local := _local(str(name), rows[source], rows[target], number)) is not None
    ]
    if not found:
        raise DataError(
            f"no run has {_LEAST} checkpoints around {source} = {number:.4g}, some on either side; "
            f"the losses seen are {both[source].min():.4g} to {both[source].max():.4g}"
        )
    near = both[both[run].astype(str).isin([one.run for one in found])]
    made = _combined(found, number, (source, target), near.rename(columns={run: "run"}))
    if isinstance(eta, ThresholdFit):
        made = replace(made, _source_fit=eta)
    _check_tied(made, near[target].to_numpy(dtype=float))
    return made


def _local(run: str, x: pd.Series[float], y: pd.Series[float], eta: float) -> _Local | None:
    """Curve of one run at eta; None where its checkpoints do not lie around it."""
    away, other = x.to_numpy(dtype=float) - eta, y.to_numpy(dtype=float)
    if away.size < _LEAST or not away.min() < 0 < away.max():
        return None
    near = np.argsort(np.abs(away))[: max(_LEAST, round(_SHARE * away.size))]
    away, other = away[near], other[near]
    if not away.min() < 0 < away.max():  # a gap at eta is no place to read a curve
        return None
    reach = 1.01 * np.abs(away).max()
    root = np.sqrt((1.0 - (np.abs(away) / reach) ** 3) ** 3)
    basis = np.column_stack([np.ones_like(away), away, away**2]) * root[:, None]
    beta, *_ = np.linalg.lstsq(basis, other * root, rcond=None)
    residual = other * root - basis @ beta
    variance = float(residual @ residual) / max(1.0, float((root**2).sum()) - 3.0)
    inverse = np.linalg.pinv(basis.T @ basis)
    spread = inverse @ (basis.T * root**2) @ basis @ inverse * variance
    around = other - np.average(other, weights=root**2)
    left = float(residual @ residual) / max(float(np.sum((root * around) ** 2)), 1e-300)
    return _Local(run, float(beta[0]), float(np.sqrt(spread[0, 0])), float(beta[1]), 1.0 - left)


def _combined(
    found: list[_Local], eta: float, names: tuple[str, str], table: pd.DataFrame
) -> Translation:
    values: FloatArray = np.array([one.value for one in found])
    effects, warned = None, []
    if len(found) > 1:
        sigma = np.diag([max(one.stderr, 1e-9) ** 2 for one in found])
        effects = fit_random_effects(values, sigma, np.ones((values.size, 1)))
    if len(found) < 4:
        said = "one run" if len(found) == 1 else f"{len(found)} runs"
        warned.append(f"only {said}: how much runs differ is {_known(len(found))}")
    return Translation(
        source=names[0],
        target=names[1],
        source_eta=eta,
        eta=float(values[0] if effects is None else effects.beta[0]),
        slope=float(np.mean([one.slope for one in found])),
        runs=tuple(one.run for one in found),
        warnings=tuple(warned),
        _local=tuple(found),
        _effects=effects,
        _source_fit=None,
        _table=table,
    )


def _known(runs: int) -> str:
    return "not known, and the interval is of its curve alone" if runs == 1 else "poorly known"


def _check_tied(found: Translation, seen: FloatArray) -> None:
    """Refuse losses of which the one does not say where the other is."""
    explained = float(np.median([one.explained for one in found._local]))
    if not found.slope > 0 or explained < _EXPLAINED:
        raise MethodRefused(
            f"{found.source} and {found.target} are not tied: near {found.source} = "
            f"{found.source_eta:.4g} the one explains {max(explained, 0.0):.0%} of the other "
            f"inside a run, with a slope of {found.slope:.3g}"
        )
    off = found._margin(0.95, new_run=True)
    if 2.0 * off > _HALF * float(np.ptp(seen)):
        raise MethodRefused(
            f"{found.source} and {found.target} are not tied: at {found.source} = "
            f"{found.source_eta:.4g} a run may have {found.target} {found.eta:.4g} +- {off:.2g}, "
            f"of {float(np.ptp(seen)):.2g} seen"
        )
