"""Rule: from the evidence to the label of a task, and the sentence that says why."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from emergence.metrics import known_metric
from emergence.verdicts.trial.evidence import Evidence
from emergence.verdicts.trial.trial import Trial

Label = Literal["smooth", "emergent", "flat", "undetermined"]

# An ability is absent above its threshold: the plateau lies within this share of the way
# from chance to best.
_ABSENT = 0.1
# A smooth curve that is worse than an onset by this much BIC does not fit as well.
_CLEARLY = 10.0
# A p-value that overrules another is smaller than the level by this factor.
_CLEARER = 5.0


def decide(trial: Trial, adjusted: Evidence | None = None) -> tuple[Label, Callable[[], str]]:
    """Label and the reason for it, from the trial's own evidence or from an adjusted one.

    The reason is made when it is asked for: intervals take longer than tests.
    """
    e, a = adjusted or trial.evidence, trial.alpha
    if trial.hidden:
        return "undetermined", lambda: trial.hidden
    if e.p_flat > a:
        return _no_rise(trial, e)
    if not e.above.clearly:
        return _not_above(trial, e)

    def found() -> str:
        return (
            f"{_in_some(e)}after {e.plateau:.2g} nats it goes from 5% to 25% of its gain "
            f"within {e.foot:.2g} nats, rho {e.rho:.2g} {trial.interval('rho', 1.0 - a):.2g}"
        )

    # Where a rho of 1/4 is rejected too, the foot's share of the rise must be the clearer.
    if e.p_short <= a or e.p_steep <= (a / _CLEARER if e.p_gradual <= a else a):
        alone = f"; but that rests on {trial.best_rests_on} alone" if trial.best_rests_on else ""
        label: Label = "undetermined" if alone else "smooth"
        return label, lambda: f"{found()}; {_slow(e, a)}{alone}"
    if e.p_gradual <= a:
        return _emergent(trial, e, found)
    if e.p_sudden <= a:
        return (
            "undetermined",
            lambda: (
                f"{found()}; a foot within a quarter of the plateau is rejected "
                f"({_p(e.p_sudden)}), "
                f"but a threshold near {trial.common.eta:.3g} also fits ({_p(e.p_short)}): too "
                "little plateau was seen to tell"
            ),
        )
    if np.nanmin(e.alone[1:]) <= e.resolution:
        what = "neither a sudden nor a gradual foot can be rejected"
        return "undetermined", lambda: _more_draws(e, what)
    return (
        "undetermined",
        lambda: (
            f"{found()}; neither a foot longer than a quarter of the plateau ({_p(e.p_gradual)}) "
            f"nor a shorter one ({_p(e.p_sudden)}) is rejected; these data cannot tell"
        ),
    )


def _slow(e: Evidence, alpha: float) -> str:
    """Why a foot is gradual: beside the plateau, or beside the rise that follows it."""
    if e.p_short <= alpha:
        return (
            f"a foot within a quarter of the plateau is rejected ({_p(e.p_sudden)}), "
            f"and so is a threshold of which too little plateau was seen ({_p(e.p_short)})"
        )
    return (
        f"that is {e.of_rise:.0%} of the rise that follows, and a foot within a third of it is "
        f"rejected ({_p(e.p_steep)}): no plateau, however long, makes that sudden"
    )


def _not_above(trial: Trial, e: Evidence) -> tuple[Label, Callable[[], str]]:
    """Scores that change, but do not clearly end above chance."""
    chance = f"chance ({trial.points.chance:.3g})"
    if e.above.perhaps:
        return (
            "undetermined",
            lambda: (
                f"the score changes with the loss, but whether it ends above {chance} these data "
                "cannot tell"
            ),
        )
    return (
        "flat",
        lambda: (
            f"the score changes with the loss but is never clearly above {chance}: going from "
            "worse than guessing to guessing is no ability"
        ),
    )


def _no_rise(trial: Trial, e: Evidence) -> tuple[Label, Callable[[], str]]:
    points = trial.points
    if e.flat_unresolved:
        return "undetermined", lambda: _more_draws(e, "no result can be told from chance")
    if e.p_inverse <= trial.alpha:
        return (
            "undetermined",
            lambda: (
                f"the score falls as the loss falls ({_p(e.p_inverse)}); no curve here describes "
                "that"
            ),
        )
    if trial.misfit or trial.at_edge:
        return (
            "undetermined",
            lambda: (
                f"no curve that rises as the loss falls beats a constant ({_p(e.p_flat)}), but "
                "neither does a constant describe the scores: "
                f"{(*trial.misfit, trial.at_edge)[0]}"
            ),
        )
    level = float(points.value.mean())
    share = (level - points.chance) / (points.best - points.chance)
    return (
        "flat",
        lambda: (
            f"no curve that rises as the loss falls beats a constant ({_p(e.p_flat)}); mean "
            f"{level:.3g}, chance {points.chance:.3g}"
            + ("; above chance at every loss seen" if share > _ABSENT else "")
        ),
    )


def _more_draws(e: Evidence, what: str) -> str:
    """Say that the draws are too few for the number of tasks."""
    return (
        f"with {round(1 / e.resolution) - 1} bootstrap draws {what} among this many tasks; give a "
        "larger n_boot"
    )


def _emergent(
    trial: Trial, e: Evidence, found: Callable[[], str]
) -> tuple[Label, Callable[[], str]]:
    """Emergent, if the ability is absent on the plateau."""
    points = trial.points

    def evidence() -> str:
        return (
            f"{found()}; a rise slower than a quarter of the plateau is rejected "
            f"({_p(e.p_gradual)})"
        )

    if e.level > _ABSENT:
        level = points.chance + (points.best - points.chance) * e.level
        return (
            "undetermined",
            lambda: (
                f"{evidence()}; but before it the score is {level:.3g}, not chance "
                f"({points.chance:.3g}), so the ability is not absent there"
            ),
        )
    if e.p_nearly <= trial.alpha:
        return (
            "undetermined",
            lambda: (
                f"{evidence()}; but it takes {e.of_rise:.0%} of the rise that follows, and a foot "
                f"within three tenths of it is rejected ({_p(e.p_nearly)}): sudden beside so long "
                "a plateau alone"
            ),
        )
    if trial.onset_rests_on:
        return (
            "undetermined",
            lambda: f"{evidence()}; but that rests on {trial.onset_rests_on} alone",
        )
    worse = e.difference > _CLEARLY
    fits = "; no smooth curve listed comes within 10 BIC of the best onset" if worse else ""
    return "emergent", lambda: f"{evidence()}; {_eta(trial)}{fits}{_products(points.metric)}"


def _eta(trial: Trial) -> str:
    """Threshold under threshold shapes, with its interval."""
    fit = trial.threshold
    eta = f"eta = {fit.eta:.3f} {fit.interval('eta', 1.0 - trial.alpha):.3f}"
    return eta if fit.by_run is None else f"{eta}, runs differ by sd {fit.by_run.spread:.2g} nats"


def _products(metric: str) -> str:
    """What an exact match asks besides."""
    known = known_metric(metric)
    if known is None or known.name != "exact_match":
        return ""
    return (
        "; a match of many tokens at once stays near zero while each token is learned gradually: "
        "audit_metrics, given a graded metric of the same checkpoints, says whether the sudden "
        "foot is the ability's or the metric's"
    )


def readings_differ(trial: Trial) -> str:
    """What either reading says where both count and their labels differ; empty else."""
    said = {name: decide(trial, e)[0] for name, e in trial.readings.items()}
    if len(set(said.values())) < 2:
        return ""
    shares = dict(zip(said, (1.0 - trial.own, trial.own), strict=True))
    parts = [f"with {name} ({shares[name]:.0%} of the evidence) {said[name]}" for name in said]
    return f"; read {', '.join(parts)}"


def _in_some(e: Evidence) -> str:
    """In how many runs the ability is seen, where not in all."""
    able, n = e.above.able, e.above.judged
    if not able or len(able) == n:
        return ""
    few = ", ".join(able[:5]) + (", ..." if len(able) > 5 else "")
    return f"clearly above chance in {len(able)} of {n} runs ({few}), and "


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".lstrip("0").removesuffix("0")
