"""Verdict: the label of one task, decided from the evidence, and the sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from emergence.evidence import Evidence
from emergence.intervals import Interval
from emergence.points import Points
from emergence.results import jsonable
from emergence.side import RunCurves
from emergence.smooth import fit_smooth
from emergence.smooth_result import SmoothFit
from emergence.threshold_result import ThresholdFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Label = Literal["smooth", "emergent", "flat", "undetermined"]

# The side that predicts left-out runs better must do so with this normal score: the one-sided
# 5% point.
_MARGIN = 1.645
# An ability is absent above its threshold: the plateau lies within this share of the way
# from chance to best.
_ABSENT = 0.1
_NAMES = {"logistic_free": "logistic with free floor", "power_law": "power law"}


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the data say of one task; made by :func:`classify`.

    Attributes
    ----------
    label : {"smooth", "emergent", "flat", "undetermined"}
    reason : str
        One sentence with the evidence.
    threshold : ThresholdFit
        Of the common curve, or of runs with thresholds of their own where each was tested apart.
    smooth : SmoothFit
        Best smooth family (fitted when first asked for).
    evidence : Evidence
        All p-values, adjusted for the number of tasks by :func:`classify_tasks`.
    alpha : float
        Level of the tests (or the false discovery rate).
    run_curves : RunCurves, optional
        Best curves of either side, where each run was tested with one of its own.
    """

    points: Points = field(repr=False)
    threshold: ThresholdFit = field(repr=False)
    evidence: Evidence
    alpha: float
    adjusted: bool = False
    run_curves: RunCurves | None = field(default=None, repr=False)

    @cached_property
    def label(self) -> Label:
        """The verdict."""
        return self._decision[0]

    @cached_property
    def smooth(self) -> SmoothFit:
        """Best smooth fit."""
        problem = self.threshold._contest.problem
        return fit_smooth(
            self.points,
            noise=problem.precision.name,
            runs=problem.run_model.name,
            rng=self.threshold._errors.seed,
        )

    @cached_property
    def interval(self) -> Interval:
        """Interval of eta at 1 - alpha."""
        return self.threshold.interval("eta", 1.0 - self.alpha)

    @cached_property
    def width(self) -> float:
        """Upper 95% bound for the width of the corner, nats; NaN with thresholds of runs."""
        return self.threshold.corner_width()

    @cached_property
    def _decision(self) -> tuple[Label, str]:
        return _decide(self)

    @cached_property
    def reason(self) -> str:
        """One sentence that says why, with the numbers."""
        n = self.evidence.curves
        curves = f"with a curve for each of the {n} runs, " if n > 1 else ""
        note = " (p-values adjusted for the number of tasks)" if self.adjusted else ""
        return f"{self.label}: {curves}{self._decision[1]}{note}"

    def to_row(self) -> dict[str, Any]:
        """One row of the table of verdicts."""
        p, e, fit = self.points, self.evidence, self.threshold
        emergent = self.label == "emergent"
        nan = float("nan")
        return {
            "family": p.family,
            "task": p.task,
            "metric": p.metric,
            "label": self.label,
            "eta": fit.eta if emergent else nan,
            "eta_low": self.interval.low if emergent else nan,
            "eta_high": self.interval.high if emergent else nan,
            "shape": fit.shape if emergent else "",
            "width_below": self.width if emergent else nan,
            "p_smooth": e.p_smooth,
            "p_threshold": e.p_threshold,
            "p_flat": e.p_flat,
            "best_smooth": e.best_smooth,
            "bic_difference": e.difference,
            "n": p.size,
            "n_runs": p.n_runs,
            "reason": self.reason,
            "warnings": "; ".join(fit.warnings) if emergent else "",
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the verdict as a table of one row."""
        return pd.DataFrame([self.to_row()])

    def to_dict(self) -> dict[str, Any]:
        """Label, reason, evidence and threshold, in types that survive JSON."""
        out: dict[str, Any] = jsonable(self.to_row())
        out["evidence"] = jsonable(self.evidence)
        out["threshold"] = self.threshold.to_dict()
        return out

    def summary(self) -> str:
        """Reason and warnings as text."""
        lines = [f"{self.points.label}: {self.reason}"]
        return "\n".join(lines + [f"  warning: {w}" for w in self.threshold.warnings])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the points and the fit that the label stands for."""
        from emergence.report.figures import plot_verdict  # matplotlib only when drawing

        return plot_verdict(self, ax=ax)


def _decide(v: Verdict) -> tuple[Label, str]:
    """Label and the reason for it."""
    e, a = v.evidence, v.alpha
    if e.p_flat > a:
        if e.flat_unresolved:
            return "undetermined", _more_draws(e, "no result can be told from chance")
        if e.p_inverse <= a:
            return "undetermined", (
                f"the score falls as the loss falls ({_p(e.p_inverse)}); "
                "no curve here describes that"
            )
        level = float(v.points.value.mean())
        share = (level - v.points.chance) / (v.points.best - v.points.chance)
        return "flat", (
            f"no curve that rises as the loss falls beats a constant ({_p(e.p_flat)}); mean "
            f"{level:.3g}, chance {v.points.chance:.3g}"
            + ("; above chance at every loss seen" if share > _ABSENT else "")
        )
    if not e.above_chance:
        return "flat", (
            f"the score changes with the loss but is never clearly above chance "
            f"({v.points.chance:.3g}): going from worse than guessing to guessing is no ability"
        )
    smooth, onset = _name(e.best_smooth), _name(e.best_threshold)
    no_smooth, no_threshold = e.p_smooth <= a, e.p_threshold <= a
    # The adjustment guards against rejecting too much; a side is not saved by it.
    if (no_smooth and e.p_threshold_alone <= a) or (no_threshold and e.p_smooth_alone <= a):
        return _by_prediction(v, smooth, onset)
    if no_threshold:
        return "smooth", (
            f"the threshold shapes are rejected ({_p(e.p_threshold)}, best: {onset}), a {smooth} "
            f"curve is not ({_p(e.p_smooth)})"
        )
    if no_smooth:
        return _emergent(
            v,
            f"the smooth families are rejected ({_p(e.p_smooth)}, best: {smooth}), a {onset} onset "
            f"is not ({_p(e.p_threshold)})",
        )
    if min(e.p_smooth_alone, e.p_threshold_alone) <= e.resolution:
        return "undetermined", _more_draws(e, "neither side can be rejected")
    return "undetermined", (
        f"neither a {smooth} curve ({_p(e.p_smooth)}) nor a {onset} onset "
        f"({_p(e.p_threshold)}) is rejected; these data cannot tell"
    )


def _more_draws(e: Evidence, what: str) -> str:
    """Say that the draws are too few for the number of tasks."""
    return (
        f"with {round(1 / e.resolution) - 1} bootstrap draws {what} among this many tasks; give a "
        "larger n_boot"
    )


def _by_prediction(v: Verdict, smooth: str, onset: str) -> tuple[Label, str]:
    """Neither side is exactly true: let prediction of left-out runs decide."""
    e = v.evidence
    both = (
        f"neither the smooth families ({_p(e.p_smooth)}, best: {smooth}) nor the threshold shapes "
        f"({_p(e.p_threshold)}, best: {onset}) fit exactly"
    )
    if abs(e.prediction) < _MARGIN:
        return "undetermined", (
            f"{both}, and neither predicts left-out data clearly better "
            f"(signed ranks, z = {abs(e.prediction):.1f})"
        )
    winner = "a threshold" if e.prediction > 0 else "a smooth curve"
    text = (
        f"{both}, but {winner} predicts left-out data better "
        f"(signed ranks, z = {abs(e.prediction):.1f})"
    )
    return ("smooth", text) if e.prediction < 0 else _emergent(v, text)


def _emergent(v: Verdict, evidence: str) -> tuple[Label, str]:
    """Emergent, if the plateau above the threshold is inside the data."""
    fit, points = v.threshold, v.points
    if (fit.plateau - points.chance) / (points.best - points.chance) > _ABSENT:
        return "undetermined", (
            f"{evidence}; but above the threshold the score is {fit.plateau:.3g}, not chance "
            f"({points.chance:.3g}), so the ability is not absent there"
        )
    if not fit.plateau_seen(v.alpha):
        return "undetermined", (
            f"{evidence}; but the highest losses may already lie below the threshold "
            f"(eta {fit.eta:.3g}), so no plateau has been seen"
        )
    found = f"eta = {fit.eta:.3f} {v.interval:.3f}"
    if fit.by_run is not None:
        return "emergent", f"{evidence}; {found}, runs differ by sd {fit.by_run.spread:.2g} nats"
    corner = (
        f"corner narrower than {v.width:.2g}" if np.isfinite(v.width) else "corner of any width"
    )
    return "emergent", f"{evidence}; {found}; {corner}"


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".lstrip("0").removesuffix("0")


def _name(family: str) -> str:
    return _NAMES.get(family, family)
