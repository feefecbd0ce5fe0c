"""RunThresholds: the thresholds of single runs, and what they say of a common one."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from emergence._results import Result, jsonable, no_interval, renamed
from emergence._text import several, table
from emergence._typing import Axes, FloatArray
from emergence.interval import Interval, check_level, widened
from emergence.noise.random_effects import RandomEffects
from emergence.records.points import Points

_FEW_RUNS = 5


@dataclass(frozen=True)
class Trend:
    """Change of eta for every factor of ten in ``by`` (params or tokens), nats; t test."""

    by: str
    slope: float
    stderr: float
    p_value: float
    dof: int


@dataclass(frozen=True, eq=False, repr=False)
class RunThresholds(Result):
    """Thresholds of runs; made by :func:`run_thresholds`.

    Attributes
    ----------
    shape : str
        Shape of the curve that the runs share.
    runs : tuple of str
        Runs whose data say where their threshold is; ``unknown`` are the others.
    never : dict of str to float
        Further runs, which end where they began, and their lowest loss.
    p_common : float
        p-value of "one eta for all runs".
    trends : tuple of Trend
        Whether eta moves with params or tokens, where runs differ in them.
    params, tokens : (runs,) array or None
        Size of each run.
    aligned : Points
        The scores, at losses shifted onto one curve.
    """

    points: Points = field(repr=False)
    shape: str
    runs: tuple[str, ...]
    unknown: tuple[str, ...]
    never: dict[str, float]
    p_common: float
    trends: tuple[Trend, ...]
    params: FloatArray | None = field(repr=False)
    tokens: FloatArray | None = field(repr=False)
    aligned: Points = field(repr=False)
    _effects: RandomEffects = field(repr=False)

    @property
    def eta(self) -> float:
        """Mean threshold of runs like these, nats per token."""
        return float(self._effects.beta[0])

    @property
    def stderr(self) -> float:
        """Standard error of the mean threshold, nats."""
        return float(np.sqrt(self._effects.covariance[0, 0]))

    @property
    def curve_variance(self) -> float:
        """Variance of the error that all runs have in common, that of their curve, nats squared."""
        sigma = self._effects.sigma
        apart = sigma[~np.eye(len(sigma), dtype=bool)]
        return max(float(apart.mean()), 0.0)

    @property
    def n_runs(self) -> int:
        """Runs of any kind."""
        return len(self.runs) + len(self.unknown) + len(self.never)

    @property
    def dof(self) -> int:
        """Degrees of freedom of the t interval of the mean threshold."""
        return self._effects.dof

    @property
    def spread(self) -> float:
        """Standard deviation of the thresholds between runs, nats."""
        return self._effects.tau

    def interval(self, name: str = "eta", level: float = 0.95) -> Interval:
        """Interval of the mean threshold (``eta``) or of the ``spread``.

        For eta with Student's t of (runs - 1) degrees of freedom; for the spread by inversion of
        Cochran's Q.
        """
        check_level(level)
        if name == "eta":
            return widened(_mean_interval(self._effects, level), self.eta, self.points.loss_sd)
        if name == "spread":
            return Interval(*self._effects.tau_interval(level), level, "Q-profile")
        raise no_interval(name, ("eta", "spread"))

    def without(self, run: str, level: float = 0.95) -> Interval | None:
        """Interval of the mean threshold without one run; None where fewer than two are left."""
        if run in self.unknown or run in self.never:
            return self.interval("eta", level)
        if len(self.runs) < 3:
            return None
        rest = self._effects.without(self.runs.index(run))
        return widened(_mean_interval(rest, level), float(rest.beta[0]), self.points.loss_sd)

    @property
    def shifts(self) -> dict[str, float]:
        """Loss of each run less that at which it would lie on the common curve, nats."""
        run = np.asarray(self.points.run).astype(str)
        moved = self.points.loss - self.aligned.loss
        return {str(name): float(moved[run == name][0]) for name in np.unique(run)}

    def left_by(self, level: float = 0.95) -> pd.DataFrame:
        r"""Share of runs like these that have left chance, for falling loss.

        A run leaves at its threshold; one that never did is censored at its lowest loss, for it
        might have left below (Kaplan & Meier 1958, J. Am. Stat. Assoc. 53, 457; intervals on the
        scale of log(-log)).  Runs that left, but do not say where, have no say.

        Columns: loss, share, low, high, one row for every loss at which a run leaves.
        """
        from statsmodels.duration.survfunc import SurvfuncRight  # 2 s: only when asked for

        check_level(level)
        loss = np.append(self._effects.estimate, list(self.never.values()))
        left = np.repeat([1, 0], [len(self.runs), len(self.never)])
        start = float(self.points.loss.max())
        curve = SurvfuncRight(np.maximum(start - loss, 0.0), left)
        stay = np.asarray(curve.surv_prob)
        inner = np.clip(stay, 1e-12, 1 - 1e-12)
        spread = np.asarray(curve.surv_prob_se) / np.abs(inner * np.log(inner))
        reach = float(ndtri(0.5 * (1.0 + level))) * np.where(stay > 0, spread, 0.0)
        low, high = (inner ** np.exp(sign * reach) for sign in (-1.0, 1.0))
        all_left = stay <= 0  # then the others say no more than that one of n may stay
        low = np.where(all_left, 0.0, 1.0 - low)
        high = np.where(all_left, 1.0, 1.0 - high)
        losses = start - np.asarray(curve.surv_times)
        return pd.DataFrame({"loss": losses, "share": 1.0 - stay, "low": low, "high": high})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care."""
        out = []
        if len(self.runs) < _FEW_RUNS:
            out.append(f"only {several(len(self.runs), 'run')}: their spread is poorly known")
        if self.never:
            out.append(
                f"{len(self.never)} of {self.n_runs} runs end where they began, and eta is the "
                "mean of the others (left_by says what share leaves by which loss): "
                + ", ".join(self.never)
            )
        if self.unknown:
            out.append(
                "these runs do not say where their threshold is, for want of checkpoints near it: "
                + ", ".join(self.unknown)
            )
        return tuple(out)

    @property
    def reason(self) -> str:
        """One sentence: what follows for "performance is a function of the loss alone"."""
        low, high = self._effects.estimate.min(), self._effects.estimate.max()
        span = f"eta of the {len(self.runs)} runs lies between {low:.3f} and {high:.3f}"
        if self.p_common <= 0.05:
            return (
                f"one threshold for all runs is rejected (p = {self.p_common:.3g}): {span}, "
                f"standard deviation {self.spread:.2g} nats, so the loss alone does not say "
                "exactly where the ability begins"
            )
        top = self.interval("spread").high
        return (
            f"one threshold for all runs is not rejected (p = {self.p_common:.3g}): {span}, and "
            f"these data exclude a standard deviation above {top:.2g} nats, so to that precision "
            "the loss alone says where the ability begins"
        )

    verdict = renamed("verdict", "reason")

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per run: eta, its standard error, and the shrunken eta with its interval.

        The shrunken eta is the best linear prediction: a run that knows its own threshold
        poorly is drawn to the mean.
        """
        check_level(level)
        e = self._effects
        half = e.margin(level) / self.stderr * e.predicted_se
        frame = pd.DataFrame({"run": self.runs})
        for name in ("params", "tokens"):
            if (column := getattr(self, name)) is not None:
                frame[name] = column
        return frame.assign(
            eta=e.estimate,
            stderr=np.sqrt(np.diag(e.sigma)),
            shrunk=e.predicted,
            low=e.predicted - half,
            high=e.predicted + half,
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        numbers = {
            "eta": self.eta,
            "eta_interval": self.interval("eta"),
            "spread": self.spread,
            "spread_interval": self.interval("spread"),
            "runs": self.to_frame().to_dict("records"),
            "left_by": self.left_by().to_dict("records"),
            "data": self.points.facts(),
        }
        return super().to_dict() | {k: jsonable(v) for k, v in numbers.items()}

    def summary(self) -> str:
        """Report as text."""
        lines = [
            f"Thresholds of the runs of {self.points.label}: shape {self.shape}",
            f"  mean eta {self.eta:.4f}  95% {self.interval('eta')}",
            f"  spread   {self.spread:.4f}  95% {self.interval('spread')}",
            "",
            *table(
                (
                    (str(row.run), f"{row.eta:.4f}", f"{row.stderr:.4f}", f"{row.shrunk:.4f}")
                    for row in self.to_frame().itertuples()
                ),
                ("run", "eta", "s.e.", "shrunk"),
                right=range(1, 4),
            ),
        ]
        for t in self.trends:
            lines.append(
                f"  for ten times the {t.by}: {t.slope:+.3f} nats (s.e. {t.stderr:.2g}, "
                f"p = {t.p_value:.2g}, {t.dof} degrees of freedom)"
            )
        lines.append(f"  {self.reason}")
        return "\n".join(lines + self._warned)

    def plot_left(self, ax: Axes | None = None, level: float = 0.95) -> Axes:
        """Draw the share of runs that have left chance by each loss, with its interval."""
        from emergence.figures.thresholds import plot_left  # matplotlib only when drawing

        ends = list(self.never.values())
        span = float(self.points.loss.max()), float(min([self.points.loss.min(), *ends]))
        return plot_left(self.left_by(level), ends, span, self.points.label, ax)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw eta of each run with its interval, and the mean."""
        from emergence.figures.thresholds import plot_runs  # matplotlib only when drawing

        title = f"{self.points.label}: one eta for all runs, p = {self.p_common:.2g}"
        return plot_runs(self.to_frame(), self.eta, self.interval("eta"), title, ax)


def _mean_interval(effects: RandomEffects, level: float) -> Interval:
    """Interval of the mean of effects, symmetric about it."""
    mean, margin = float(effects.beta[0]), effects.margin(level)
    return Interval(mean - margin, mean + margin, level, "random-effects")
