"""fit_threshold: where on the loss axis an ability begins, and how sure that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emergence.between_runs import run_thresholds
from emergence.contest import Candidate, Contest, smooth_contest
from emergence.errors import DataError
from emergence.families import THRESHOLD_FAMILIES, THRESHOLD_SHAPES, eta_grid
from emergence.isotonic import IsotonicOnset, fit_isotonic
from emergence.noise import Noise
from emergence.plateau import PLATEAUS, Plateau, with_plateau
from emergence.points import LEAST_POINTS, MOST_POINTS, Points, as_points
from emergence.problem import Problem, make_problem
from emergence.resample import ErrorModel, Seed, as_seed
from emergence.results import Status
from emergence.runs import Runs
from emergence.shapes import ShapeFit, shape_fit
from emergence.structure import structured
from emergence.threshold_result import ThresholdFit

SHAPES = ("auto", *THRESHOLD_SHAPES, "isotonic")
# A smooth curve better by this much BIC calls the threshold into question.
_CLEARLY = 2.0
# A curve that rises by less than this, on an axis from chance (0) to perfect (1), is rounding.
_NOTHING = 1e-9


def fit_threshold(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    shape: str = "auto",
    plateau: Plateau = "auto",
    chance: float | None = None,
    best: float | None = None,
    n_items: ArrayLike | None = None,
    run: ArrayLike | None = None,
    tokens: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    noise: Noise = "auto",
    runs: Runs = "auto",
    n_boot: int = 999,
    rng: Seed = 0,
) -> ThresholdFit:
    r"""Fit the loss below which an ability begins.

    .. math::
        \text{score}(L) = c + f(\eta - L) \text{ for } L < \eta, \qquad c \text{ otherwise}

    with f(d) one of: ``hinge`` a d; ``power`` a d^g; ``saturating`` a (1 - e^{-kd});
    ``sigmoid`` a (1 - e^{-(kd)^2}); ``jump`` j + a d; ``step`` j (on request only).  Under
    ``shape="auto"`` they compete by BIC, for the shape decides eta: a hinge through a curved onset
    can be off by more than any interval says.

    Parameters
    ----------
    points : Points or (n,) array_like
        From ``records.select(...)``, or losses in nats per token (then ``value`` too).
    value : (n,) array_like, optional
        Scores.
    shape : {"auto", "hinge", "power", "saturating", "sigmoid", "jump", "step", "isotonic"}
        ``isotonic`` is the definition taken literally: any falling curve below eta.
    plateau : {"auto", "chance", "fitted"}
        Level above eta.  ``auto`` takes chance unless the plateau visibly is not chance.
    chance, best : float, optional
        Score of guessing (default 0) and of a perfect model (default 1).
    n_items, run, tokens, weights : array_like, optional
        Items behind each score (makes them counts), run of each checkpoint, tokens seen
        (their order inside a run), relative precision.
    noise : {"auto", "gaussian", "binomial", "beta-binomial"}
        Errors of each score.  ``auto`` takes counts where the scores are counts, and the
        beta-binomial where they vary by more than that.
    runs : {"auto", "independent", "offset", "offset+ar1", "random threshold"}
        What checkpoints of one run share: nothing, an offset, an offset and errors that follow
        each other in the order of tokens, or the latter and a threshold of their own.  ``auto``
        takes ``offset+ar1`` where checkpoints share runs.
    n_boot : int
        Bootstrap replicates behind each interval, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits, whatever the order of the rows.

    Returns
    -------
    ThresholdFit

    Raises
    ------
    DataError
        For arrays that cannot be fitted or options that do not exist.

    References
    ----------
    Du et al. 2024, arXiv 2403.15796 (definition); Hudson 1966, J. Am. Stat. Assoc. 61, 1097
    (exact search); Hall & Titterington 1989, J. R. Stat. Soc. B 51, 459 (bootstrap tests
    simulated under the null).

    Examples
    --------
    >>> from emergence import fit_threshold, simulate
    >>> fit = fit_threshold(simulate(eta=2.2, n=60, rng=1).select(), shape="hinge")
    >>> abs(fit.eta - 2.2) < 0.1
    True
    """
    if shape not in SHAPES:
        raise DataError(f"shape {shape!r} is not known: {', '.join(SHAPES)}")
    if plateau not in PLATEAUS:
        raise DataError(f"plateau {plateau!r} is not known: {', '.join(PLATEAUS)}")
    if n_boot < 99:
        raise DataError(f"n_boot is {n_boot}; an interval needs at least 99")
    pts = as_points(
        points,
        value,
        chance=chance,
        best=best,
        n_items=n_items,
        run=run,
        tokens=tokens,
        weights=weights,
    )
    if shape == "isotonic" and plateau == "fitted":
        raise DataError("the isotonic shape takes the plateau at chance; it cannot be fitted")
    problem = make_problem(pts, noise, runs)
    if runs == "random threshold":
        return _random_threshold(pts, shape, plateau, noise, n_boot, as_seed(rng))
    check_size(problem, "a threshold")
    problem = structured(problem)
    families = THRESHOLD_FAMILIES if shape in ("auto", "isotonic") else (THRESHOLD_SHAPES[shape],)
    contest = with_plateau(problem, families, plateau)
    candidates = sorted(contest.refined(), key=lambda c: c.bic)
    isotonic = fit_isotonic(problem) if shape in ("auto", "isotonic") else None
    chosen: Candidate | IsotonicOnset = candidates[0]
    if shape == "isotonic":
        assert isotonic is not None
        chosen = isotonic
    return _result(contest, candidates, isotonic, chosen, shape, n_boot, as_seed(rng))


def check_size(problem: Problem, what: str) -> None:
    """Raise DataError for fewer or more points than a fit takes, or losses that are all but one."""
    label, n = problem.points.label, problem.n
    if n < LEAST_POINTS:
        raise DataError(f"{label}: {n} points; {what} needs at least {LEAST_POINTS}")
    if n > MOST_POINTS:
        raise DataError(
            f"{label}: {n} points; more than {MOST_POINTS} take too much memory: thin the "
            "checkpoints"
        )
    if eta_grid(problem.x).size < 2:
        raise DataError(f"{label}: nearly all points share one loss; no threshold can be placed")


def _random_threshold(
    points: Points,
    shape: str,
    plateau: Plateau,
    noise: Noise,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> ThresholdFit:
    """Fit of the runs shifted onto one curve; eta and its interval are those of their mean."""
    between = run_thresholds(
        points, shape=shape, plateau=plateau, noise=noise, n_boot=n_boot, rng=seed
    )
    fit = fit_threshold(
        between._aligned,
        shape=between.shape,
        plateau=plateau,
        noise=noise,
        runs="offset+ar1",
        n_boot=n_boot,
        rng=seed,
    )
    described = f"random threshold: sd {between.spread:.2g} nats, "
    return replace(
        fit,
        points=between.points,
        eta=between.eta,
        noise=fit.noise | {"runs": described + fit.noise["runs"]},
        warnings=(*fit.warnings, *between.warnings),
        by_run=between,
    )


def _result(
    contest: Contest,
    candidates: list[Candidate],
    isotonic: IsotonicOnset | None,
    chosen: Candidate | IsotonicOnset,
    requested: str,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> ThresholdFit:
    problem, best = contest.problem, candidates[0]
    shapes = [shape_fit(problem, c) for c in candidates]
    if isotonic is not None:
        eta = problem.to_loss(isotonic.eta)
        shapes.append(ShapeFit("isotonic", eta, {}, problem.points.chance, isotonic.bic))
    mine = next(
        s for s in shapes if s.shape == ("isotonic" if requested == "isotonic" else shapes[0].shape)
    )
    status = _status(contest, chosen)
    if status is Status.NO_ONSET:
        mine = replace(mine, eta=float("nan"), params={})
    smooth = smooth_contest(problem)
    return ThresholdFit(
        points=problem.points,
        requested=requested,
        shape=mine.shape,
        eta=mine.eta,
        params=mine.params,
        plateau=mine.plateau,
        rss=chosen.rss,
        bic=chosen.bic,
        shapes=tuple(shapes),
        noise=_noise_report(contest, best),
        status=status,
        warnings=(*_warnings(contest, chosen, status), *_rivals(smooth, chosen)),
        n_boot=n_boot,
        _contest=contest,
        _smooth=smooth,
        _candidates=tuple(candidates),
        _best=chosen,
        _errors=ErrorModel(problem, seed),
    )


def _rivals(contest: Contest, chosen: Candidate | IsotonicOnset) -> tuple[str, ...]:
    """Warn where a curve without a threshold does better: then eta may stand for nothing."""
    smooth = min(contest.candidates(), key=lambda c: c.bic)
    if smooth.bic > chosen.bic - _CLEARLY:
        return ()
    return (
        f"a smooth curve ({smooth.family.name}) fits better, by {chosen.bic - smooth.bic:.0f} BIC: "
        "there may be no threshold (see classify)",
    )


def _status(contest: Contest, chosen: Candidate | IsotonicOnset) -> Status:
    assert contest.etas is not None
    grid = contest.etas
    eta = chosen.eta if isinstance(chosen, IsotonicOnset) else float(chosen.theta[0])
    if isinstance(chosen, Candidate):
        rise = np.abs(chosen.ability(contest.problem.x) - chosen.amps[0]).max()
        if rise <= _NOTHING:
            return Status.NO_ONSET
    return Status.AT_BOUNDARY if eta <= grid[0] or eta >= grid[-1] else Status.CONVERGED


def _noise_report(contest: Contest, best: Candidate) -> dict[str, Any]:
    p = contest.problem
    dof = max(p.n - best.n_params, 1)
    variance = float((np.square(p.y - best.ability(p.x)) * p.root_w**2).sum()) / dof
    scale = abs(p.points.best - p.points.chance)
    dispersion = None
    if p.precision.unit is not None:
        residual = p.y - best.ability(p.x)
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


def _warnings(
    contest: Contest, chosen: Candidate | IsotonicOnset, status: Status
) -> tuple[str, ...]:
    p = contest.problem
    out = []
    if status is not Status.CONVERGED:
        out.append(str(status))
    eta = chosen.eta if isinstance(chosen, IsotonicOnset) else float(chosen.theta[0])
    below = int((p.x < eta).sum())
    if below < 6:
        out.append(f"only {below} points lie below the threshold")
    if p.run is not None and p.points.n_runs < 5:
        out.append(
            f"only {p.points.n_runs} runs: how much runs differ is poorly known, and the interval "
            "with it"
        )
    if isinstance(chosen, IsotonicOnset) and p.run is not None:
        out.append("the isotonic limit takes checkpoints as independent")
    if contest.fit_level and isinstance(chosen, Candidate):
        out.append("the plateau is not at chance; its level was fitted")
    return tuple(out)
