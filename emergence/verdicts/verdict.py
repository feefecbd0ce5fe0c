"""Verdict: what the data say of one task, and the fits that stand for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from emergence._results import Result, jsonable
from emergence._typing import Axes
from emergence.fits.smooth import SmoothFit, fit_smooth
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Curve, Interval, check_level
from emergence.records.points import Points
from emergence.verdicts.trial.evidence import TESTS, Evidence
from emergence.verdicts.trial.rule import Label, decide, readings_differ
from emergence.verdicts.trial.trial import Trial


@dataclass(frozen=True, eq=False, repr=False)
class Verdict(Result):
    """What the data say of one task; made by :func:`classify`.

    Attributes
    ----------
    label : {"smooth", "emergent", "flat", "undetermined"}
    reason : str
        One sentence with the evidence.
    threshold : ThresholdFit
        The same that :func:`fit_threshold` gives.
    smooth : SmoothFit
        Best smooth family (fitted when first asked for).
    evidence : Evidence
        All p-values, adjusted for the number of tasks by :func:`classify_tasks`.
    trial : Trial
        The tests behind the evidence, each made when first asked for.
    """

    trial: Trial = field(repr=False)
    adjusted: Evidence | None = None

    @property
    def points(self) -> Points:
        """Scores."""
        return self.trial.points

    @property
    def alpha(self) -> float:
        """Level of the tests (or the false discovery rate)."""
        return self.trial.alpha

    @property
    def evidence(self) -> Evidence:
        """All p-values."""
        return self.trial.evidence if self.adjusted is None else self.adjusted

    @property
    def threshold(self) -> ThresholdFit:
        """Fitted threshold."""
        return self.trial.threshold

    @cached_property
    def _decision(self) -> tuple[Label, Callable[[], str]]:
        return decide(self.trial, self.adjusted)

    def __getstate__(self) -> dict[str, Any]:
        # The reason is made anew when needed: what makes it cannot be sent.
        return {k: v for k, v in self.__dict__.items() if k != "_decision"}

    @property
    def label(self) -> Label:
        """The verdict."""
        return self._decision[0]

    @cached_property
    def smooth(self) -> SmoothFit:
        """Best smooth fit."""
        problem = self.trial.common.core.problem
        return fit_smooth(
            self.points,
            noise=problem.precision.name,
            runs=problem.run_model.name,
            n_boot=self.trial.n_boot,
            rng=self.trial.seed,
        )

    def interval(self, name: str = "eta", level: float = 0.95) -> Interval:
        """Interval of ``rho``, of the ``onset`` (nats), or of a number of :attr:`threshold`.

        Eta is the threshold under threshold shapes; the onset, where 5% of the gain is made, is
        there whatever the kind of curve.
        """
        if name in ("rho", "onset"):
            check_level(level, self.trial.n_boot)
            return self.trial.interval(name, level)
        return self.threshold.interval(name, level)

    @property
    def eta_interval(self) -> Interval:
        """Interval of eta at 1 - alpha."""
        return self.interval("eta", 1.0 - self.alpha)

    @cached_property
    def rho_interval(self) -> Interval:
        """Interval of rho at 1 - alpha."""
        return self.interval("rho", 1.0 - self.alpha)

    @cached_property
    def onset_interval(self) -> Interval:
        """Interval of the onset (nats) at 1 - alpha."""
        return self.interval("onset", 1.0 - self.alpha)

    @cached_property
    def reason(self) -> str:
        """The finding in one sentence, with the numbers."""
        label, why = self._decision
        n = self.evidence.curves
        curves = f"with a curve for each of the {n} runs, " if n > 1 else ""
        note = " (p-values adjusted for the number of tasks)" if self.adjusted else ""
        return f"{label}: {curves}{why()}{readings_differ(self.trial)}{note}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: warnings of what the label stands for, and notes."""
        # Thresholds of runs are fitted only where the label is of them; of an onset that is not the
        # label no word is needed.
        if self.label == "emergent":
            return self.threshold.warnings
        if self.label == "undetermined":
            return self.trial.common.warnings
        return (*self.trial.misfit, *filter(None, [self.trial.at_edge]), *self.points.notes)

    def to_row(self) -> dict[str, Any]:
        """One row of the table of verdicts."""
        p, e = self.points, self.evidence
        row: dict[str, Any] = {
            "family": p.family,
            "task": p.task,
            "metric": p.metric,
            "label": self.label,
            **dict.fromkeys(("eta", "eta_low", "eta_high"), float("nan")),
            "shape": "",
            "rho": e.rho,
            "rho_low": self.rho_interval.low,
            "rho_high": self.rho_interval.high,
            "onset": e.onset,
            "onset_low": self.onset_interval.low,
            "onset_high": self.onset_interval.high,
            **{k: getattr(e, k) for k in ("plateau", "foot", "rise", "curve")},
            **{k: getattr(e, k) for k in TESTS},
            "bic_difference": e.difference,
            "n": p.size,
            "n_runs": p.n_runs,
            "reason": self.reason,
            "warnings": "; ".join(self.warnings),
        }
        if self.label == "emergent":
            ci = self.eta_interval
            row |= {"eta": self.threshold.eta, "eta_low": ci.low, "eta_high": ci.high}
            row["shape"] = self.threshold.shape
        return row

    def to_frame(self) -> pd.DataFrame:
        """Return the verdict as a table of one row."""
        return pd.DataFrame([self.to_row()])

    def to_dict(self) -> dict[str, Any]:
        """Label, reason, evidence and threshold, in types that survive JSON."""
        found: dict[str, Any] = jsonable(self.to_row())
        found |= {"warnings": list(self.warnings), "evidence": jsonable(self.evidence)}
        return found | {"threshold": self.threshold.to_dict()}

    def summary(self) -> str:
        """Reason and warnings as text."""
        lines = [f"{self.points.label}: {self.reason}"]
        return "\n".join(lines + self._warned)

    @property
    def shown(self) -> ThresholdFit | SmoothFit | None:
        """Fit that the label stands for, if there is one to be drawn with its band."""
        if self.label == "emergent":
            return self.threshold
        return self.smooth if self.label == "smooth" and self.trial.run_curves is None else None

    def sides(self) -> dict[str, list[Curve]]:
        """Best curves of the sides that are left, without bands, as figures draw them."""
        if self.label == "flat":
            return {}
        if (own := self.trial.run_curves) is None:
            found = {"smooth": self.smooth.curves(None), "threshold": self.threshold.curves(None)}
        else:
            both = {"smooth": own.smooth, "threshold": own.threshold}
            found = {
                name: [Curve(*line) for line in own.draw(side)]
                for name, side in both.items()
                if name == "smooth" or self.label == "undetermined"
            }
        if len(found) > 1:  # one line of the legend for all runs
            found = {n: [c[0]._replace(label=n), *c[1:]] for n, c in found.items() if c}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the points and the fit that the label stands for."""
        from emergence.figures.verdict import plot_verdict  # matplotlib only when drawing

        fit, level = self.shown, 1.0 - self.alpha
        return plot_verdict(self.points, self.label, fit or self.sides(), level, ax)
