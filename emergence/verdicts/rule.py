"""Rule: from the evidence to the label of a task, and the sentence that says why."""

from typing import Literal

import numpy as np

from emergence.verdicts.evidence import Evidence, Trial

Label = Literal["smooth", "emergent", "flat", "undetermined"]

# The side that predicts left-out runs better must do so with this normal score: the one-sided
# 5% point.
_MARGIN = 1.645
# An ability is absent above its threshold: the plateau lies within this share of the way
# from chance to best.
_ABSENT = 0.1
_NAMES = {"logistic_free": "logistic with free floor", "power_law": "power law"}


def decide(trial: Trial, adjusted: Evidence | None = None) -> tuple[Label, str]:
    """Label and the reason for it, from the trial's own evidence or from an adjusted one."""
    # A test is made, and a threshold fitted, only where the label turns on it.
    e, a, points = adjusted or trial.evidence, trial.alpha, trial.points
    if e.p_flat > a:
        if e.flat_unresolved:
            return "undetermined", _more_draws(e, "no result can be told from chance")
        if e.p_inverse <= a:
            return "undetermined", (
                f"the score falls as the loss falls ({_p(e.p_inverse)}); "
                "no curve here describes that"
            )
        level = float(points.value.mean())
        share = (level - points.chance) / (points.best - points.chance)
        return "flat", (
            f"no curve that rises as the loss falls beats a constant ({_p(e.p_flat)}); mean "
            f"{level:.3g}, chance {points.chance:.3g}"
            + ("; above chance at every loss seen" if share > _ABSENT else "")
        )
    if not e.above_chance:
        return "flat", (
            f"the score changes with the loss but is never clearly above chance "
            f"({points.chance:.3g}): going from worse than guessing to guessing is no ability"
        )
    smooth, onset = _name(e.best_smooth), _name(e.best_threshold)
    no_smooth, no_threshold = e.p_smooth <= a, e.p_threshold <= a
    # The adjustment guards against rejecting too much; a side is not saved by it.
    if (no_smooth and e.p_threshold_alone <= a) or (no_threshold and e.p_smooth_alone <= a):
        return _by_prediction(trial, e, smooth, onset)
    if no_threshold:
        return "smooth", (
            f"the threshold shapes are rejected ({_p(e.p_threshold)}, best: {onset}), a {smooth} "
            f"curve is not ({_p(e.p_smooth)})"
        )
    if no_smooth:
        return _emergent(
            trial,
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


def _by_prediction(trial: Trial, e: Evidence, smooth: str, onset: str) -> tuple[Label, str]:
    """Neither side is exactly true: let prediction of left-out runs decide."""
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
    return ("smooth", text) if e.prediction < 0 else _emergent(trial, text)


def _emergent(trial: Trial, evidence: str) -> tuple[Label, str]:
    """Emergent, if the plateau above the threshold is inside the data."""
    fit, points, a = trial.threshold, trial.points, trial.alpha
    if (fit.plateau - points.chance) / (points.best - points.chance) > _ABSENT:
        return "undetermined", (
            f"{evidence}; but above the threshold the score is {fit.plateau:.3g}, not chance "
            f"({points.chance:.3g}), so the ability is not absent there"
        )
    if not fit.plateau_seen(a):
        return "undetermined", (
            f"{evidence}; but the highest losses may already lie below the threshold "
            f"(eta {fit.eta:.3g}), so no plateau has been seen"
        )
    found = f"eta = {fit.eta:.3f} {fit.interval('eta', 1.0 - a):.3f}"
    if fit.by_run is not None:
        return "emergent", f"{evidence}; {found}, runs differ by sd {fit.by_run.spread:.2g} nats"
    width = fit.corner_width()
    corner = f"corner narrower than {width:.2g}" if np.isfinite(width) else "corner of any width"
    return "emergent", f"{evidence}; {found}; {corner}"


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".lstrip("0").removesuffix("0")


def _name(family: str) -> str:
    return _NAMES.get(family, family)
