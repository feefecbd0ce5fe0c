"""What a fitted threshold says of itself: its status, its noise, and what to read with care."""

from typing import Any

import numpy as np

from emergence._results import Status
from emergence._text import several
from emergence.engine.contest import Candidate, Contest
from emergence.engine.isotonic import IsotonicOnset
from emergence.engine.misfit import at_edge, hidden, misfit
from emergence.fits.onset_fit import OnsetFit
from emergence.noise.run_model import runs_show_thresholds

# A smooth curve better by this much BIC calls the threshold into question.
_CLEARLY = 2.0
# A curve that rises by less than this, on an axis from chance (0) to perfect (1), is rounding.
_NOTHING = 1e-9


def one_jump(core: OnsetFit) -> tuple[str, ...]:
    """Warn of a jump of several runs at once: it is known better than that of any of them."""
    p, chosen = core.problem, core.chosen
    several_short = p.run is not None and p.points.n_runs > 1 and not runs_show_thresholds(p.points)
    if not (several_short and isinstance(chosen, Candidate) and chosen.family.jumps):
        return ()
    return (
        "one jump for all runs: its interval is a gap between the losses of all, too short where "
        "runs begin at losses of their own, which so few checkpoints do not show",
    )


def rivals(core: OnsetFit) -> tuple[str, ...]:
    """Warn where a curve without a threshold does better: then eta may stand for nothing."""
    smooth = min(core.smooth.candidates(), key=lambda c: c.bic)
    if smooth.bic > core.chosen.bic - _CLEARLY:
        return ()
    better = core.chosen.bic - smooth.bic
    return (
        f"a smooth curve ({smooth.family.name}) fits better, by {better:.0f} BIC: "
        "there may be no threshold (see classify)",
    )


def status_of(core: OnsetFit) -> Status:
    """Whether there is an onset, and whether it lies inside the losses seen."""
    grid, chosen = core.contest.etas, core.chosen
    assert grid is not None
    if isinstance(chosen, Candidate):
        rise = np.abs(chosen.ability(core.problem.x) - chosen.amps[0]).max()
        if rise <= _NOTHING:
            return Status.NO_ONSET
    inside = grid[0] < core.eta < grid[-1]
    return Status.CONVERGED if inside else Status.AT_BOUNDARY


def noise_report(contest: Contest, best: Candidate) -> dict[str, Any]:
    """Errors around the best curve, in units of the score, and how runs enter."""
    p = contest.problem.whole
    dof = max(p.n - best.n_params, 1)
    residual = p.y - best.ability(p.x)
    variance = float((np.square(residual) * p.root_w**2).sum()) / dof
    scale = abs(p.points.best - p.points.chance)
    dispersion = None
    if p.precision.unit is not None:
        dispersion = float((residual**2 / p.precision.unit).sum() / dof)
    runs = f"{p.run_model.name} ({p.run_model.reason})"
    if (noise := p.run_model.noise) is not None:
        runs += (
            f": offset sd {np.sqrt(noise.offset_var) * scale:.2g}, rho {noise.rho:.2f}, "
            f"{p.points.n_runs} runs"
        )
    return {
        "name": p.precision.name,
        "reason": p.precision.reason,
        "sd": float(np.sqrt(variance) * scale),
        "dispersion": dispersion,
        "intraclass": p.precision.intraclass,
        "runs": runs,
        "plateau": "fitted" if contest.fit_level else "chance",
    }


def warnings_of(core: OnsetFit, status: Status) -> tuple[str, ...]:
    """What should be read with care."""
    p, out = core.problem, []
    isotonic = isinstance(core.chosen, IsotonicOnset)
    if status is not Status.CONVERGED:
        out.append(str(status))
    below = int((p.x < core.eta).sum())
    if below < 6 and status is not Status.NO_ONSET:
        out.append(f"only {below} points lie below the threshold")
    if p.run is not None and p.points.n_runs < 5:
        out.append(
            f"only {several(p.points.n_runs, 'run')}: how much runs differ is poorly known, and "
            "the interval with it"
        )
    if isotonic and p.run is not None:
        out.append("the isotonic limit takes checkpoints as independent")
    if core.contest.fit_level and not isotonic:
        out.append("the plateau is not at chance; its level was fitted")
    if not isotonic and status is not Status.NO_ONSET:
        out += misfit(p, core.candidates[0])
        out += filter(None, [hidden(p, core.candidates[0]) or at_edge(p)])
    return (*out, *p.points.notes)
