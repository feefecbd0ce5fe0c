"""fit_threshold: where on the loss axis an ability begins, and how sure that is."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from emergence._random import Seed, as_seed
from emergence._results import Status
from emergence._typing import Columns, Noise, Plateau, Runs
from emergence.curves.catalogue import ONSETS
from emergence.engine.contest import Candidate, onset_contest, smooth_contest
from emergence.engine.isotonic import IsotonicOnset, fit_isotonic
from emergence.engine.problem import Problem, check_size, make_problem
from emergence.engine.replicates import ErrorModel
from emergence.engine.runs.covariance import structured
from emergence.errors import DataError
from emergence.fits.onset_fit import OnsetFit, ShapeFit, shape_fit
from emergence.fits.runs.random_threshold import RandomThresholdFit
from emergence.fits.runs.thresholds import only_run, run_thresholds
from emergence.fits.runs.thresholds_result import RunThresholds
from emergence.fits.threshold_report import noise_report, one_jump, rivals, status_of, warnings_of
from emergence.fits.threshold_result import ThresholdFit
from emergence.noise.run_model import RunModel, runs_may_differ
from emergence.records.as_points import as_points
from emergence.records.points import Points

# Runs too short for thresholds of their own get them all the same from so small a p-value of one.
_DIFFER = 0.1
_SHORT = (
    "runs of few checkpoints begin at losses of their own: eta is that of their mean; rho and the "
    "onset are those of one curve for all"
)
_STAYS = 3  # checkpoints below a threshold, at which a run contradicts it


def fit_threshold(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    shape: str = "auto",
    plateau: Plateau = "auto",
    noise: Noise = "auto",
    runs: Runs = "auto",
    n_boot: int = 999,
    rng: Seed = 0,
    **columns: Unpack[Columns],
) -> ThresholdFit:
    r"""Fit the loss below which an ability begins.

    .. math::
        \text{score}(L) = c + f(\eta - L) \text{ for } L < \eta, \qquad c \text{ otherwise}

    with f(d) one of: ``hinge`` a d; ``power`` a d^g; ``saturating`` a (1 - e^{-kd});
    ``sigmoid`` a (1 - e^{-(kd)^2}); ``jump`` j + a d; ``ceiling`` a min(kd, 1)^g;
    ``jump_ceiling`` j + a min(kd, 1); ``step`` j (on request only).  Under ``shape="auto"`` they
    compete by BIC, for the shape decides eta: a hinge through a curved onset can be off by more
    than any interval says.

    Parameters
    ----------
    points : Points or (n,) array_like
        From ``records.select(...)``, or losses in nats per token (then ``value`` too).
    value : (n,) array_like, optional
        Scores.
    shape : {"auto", "hinge", "power", "saturating", "sigmoid", "jump", "step", ..., "isotonic"}
        One of :mod:`emergence.curves.onsets`, or ``isotonic``, the definition taken literally: any
        falling curve below eta.
    plateau : {"auto", "chance", "fitted"}
        Level above eta.  ``auto`` takes chance unless the plateau visibly is not chance.
    noise : {"auto", "gaussian", "binomial", "beta-binomial"}
        Errors of each score.  ``auto`` takes counts where the scores are counts, and the
        beta-binomial where they vary by more than that.
    runs : {"auto", "independent", "offset", "offset+ar1", "random threshold"}
        What checkpoints of one run share: nothing, an offset, an offset and errors that follow
        each other in the order of tokens, or the latter and a threshold of their own.  ``auto``
        takes what the points carry: a threshold for each run where all have at least 15 checkpoints
        (of fewer, where one for all is hard to believe) and two or more say where theirs is, else
        ``offset+ar1``; where one of them alone rises, the fit is of its points.
    n_boot : int
        Bootstrap replicates behind each interval, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits, whatever the order of the rows.
    **columns
        ``chance``, ``best``: score of guessing (default 0) and of a perfect model (default 1);
        ``n_items``: items behind each score (makes them counts); ``run``; ``tokens`` (their order
        inside a run); ``params``; ``weights``: relative precision; ``loss_sd``: standard deviation
        of the error of each loss, nats, which each half of an interval is widened by;
        ``outliers``: ``"keep"`` keeps scores that look like evaluations that broke off;
        ``data``: a table, whose columns are then given by name in place of arrays.

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
    if shape not in ("auto", *ONSETS, "isotonic"):
        raise DataError(f"shape {shape!r} is not known: auto, {', '.join(ONSETS)}, isotonic")
    if not isinstance(n_boot, int | np.integer) or n_boot < 99:
        raise DataError(f"n_boot is {n_boot!r}; an interval needs a number of at least 99")
    if shape == "isotonic" and plateau == "fitted":
        raise DataError("the isotonic shape takes the plateau at chance; it cannot be fitted")
    pts = as_points(points, value, **columns)
    problem = make_problem(pts, noise, runs)
    check_size(problem, "a threshold")
    if problem.run is None:
        return _common(problem, shape, plateau, n_boot=n_boot, rng=rng)
    options: dict[str, Any] = {"plateau": plateau, "noise": noise, "n_boot": n_boot}
    return _in_runs(pts, problem, shape, runs, **options, rng=as_seed(rng))


def _in_runs(
    pts: Points,
    problem: Problem,
    shape: str,
    runs: Runs,
    *,
    plateau: Plateau,
    noise: Noise,
    n_boot: int,
    rng: np.random.SeedSequence,
) -> ThresholdFit:
    """One curve for all runs, shifted where thresholds differ, or that of the one that rises."""
    model = problem.run_model
    options: dict[str, Any] = {"plateau": plateau, "noise": noise, "n_boot": n_boot, "rng": rng}
    between = partial(run_thresholds, pts, shape=shape, **options)

    def of_runs(found: RunThresholds) -> RandomThresholdFit:
        return _of_runs(found, points=pts, model=model, requested=shape, **options)

    if model.apart and (shape != "isotonic" or runs != "auto"):
        try:
            return of_runs(between())
        except DataError:
            if runs != "auto":
                raise
            name = only_run(pts)
            alone = name and _of_one_run(pts, name, shape, plateau, noise, n_boot=n_boot, rng=rng)
            if alone:
                return alone
            problem = _of_common_curve(problem)
    elif runs == "auto" and shape != "isotonic" and (found := _differing(pts, between)):
        return of_runs(found)
    fit = _common(structured(problem), shape, plateau, n_boot=n_boot, rng=rng)
    return replace(fit, warnings=(*fit.warnings, *one_jump(fit.core)))


def _differing(points: Points, between: Callable[[], RunThresholds]) -> RunThresholds | None:
    """Thresholds of runs too short to be given any, where one for all is hard to believe."""
    # A jump of all together would be known to a gap of their losses, however much they differ.
    if not runs_may_differ(points):
        return None
    try:
        found = between()
    except DataError:
        return None
    return found if found.p_common <= _DIFFER and len(found.runs) > 2 else None


def _of_common_curve(problem: Problem) -> Problem:
    """Problem of runs that have too little to say of their own thresholds."""
    why = f"{problem.run_model.reason}; fewer than two say where their own threshold is"
    return replace(problem, run_model=replace(problem.run_model, apart=False, reason=why))


def _common(
    problem: Problem, shape: str, plateau: Plateau, *, n_boot: int, rng: Seed
) -> ThresholdFit:
    """One curve for all points."""
    data = problem.condensed
    contest = onset_contest(data, "auto" if shape == "isotonic" else shape, plateau)
    candidates = sorted(contest.refined(), key=lambda c: c.bic)
    isotonic = fit_isotonic(problem) if shape in ("auto", "isotonic") else None
    chosen: Candidate | IsotonicOnset = candidates[0]
    if shape == "isotonic":
        assert isotonic is not None
        chosen = isotonic
    core = OnsetFit(
        contest=contest,
        smooth=smooth_contest(data),
        candidates=tuple(candidates),
        chosen=chosen,
        errors=ErrorModel(data, as_seed(rng)),
        n_boot=n_boot,
    )
    return _result(core, isotonic, shape)


def _of_runs(
    between: RunThresholds,
    *,
    points: Points,
    model: RunModel,
    requested: str,
    plateau: Plateau,
    noise: Noise,
    n_boot: int,
    rng: Seed,
) -> RandomThresholdFit:
    """Fit of the runs shifted onto one curve; eta and its interval are those of their mean."""
    aligned = make_problem(between.aligned, noise, model.name)
    aligned = structured(replace(aligned, run_model=replace(model, apart=False)))
    fit = _common(aligned, between.shape, plateau, n_boot=n_boot, rng=rng)
    described = f"random threshold: sd {between.spread:.2g} nats, {fit.noise['runs']}"
    own: dict[str, Any] = {f.name: getattr(fit, f.name) for f in fields(fit)}
    own |= {
        "points": points,
        "requested": requested,
        "eta": between.eta,
        "noise": fit.noise | {"runs": described},
        "warnings": (*fit.warnings, *between.warnings, *([] if model.apart else [_SHORT])),
    }
    return RandomThresholdFit(**own, thresholds=between)


def _of_one_run(
    points: Points, name: str, shape: str, plateau: Plateau, noise: Noise, *, n_boot: int, rng: Seed
) -> ThresholdFit | None:
    """Fit of the one run that rises; None where others stop before they could contradict it."""
    if plateau == "auto":  # all runs stand on it, and one alone may take it for an error of its own
        whole = structured(make_problem(points, noise, "offset+ar1"))
        fitted = onset_contest(whole.condensed, shape, plateau).fit_level
        plateau = "fitted" if fitted else "chance"
    mine = np.asarray(points.run).astype(str) == name
    problem = structured(make_problem(points.where(mine), noise, "auto"))
    check_size(problem, "a threshold")
    fit = _common(problem, shape, plateau, n_boot=n_boot, rng=rng)
    below = (points.loss < fit.eta) & ~mine
    others = np.unique(np.asarray(points.run).astype(str)[below], return_counts=True)[1]
    if not (stay := int((others >= _STAYS).sum())):
        return None
    said = (
        f"of {points.n_runs} runs only {name} rises, and eta is its threshold: {stay} do not rise "
        "at such losses, and where others begin is not known"
    )
    return replace(fit, warnings=(said, *fit.warnings))


def _result(core: OnsetFit, isotonic: IsotonicOnset | None, requested: str) -> ThresholdFit:
    problem = core.problem
    shapes = [shape_fit(problem, c) for c in core.candidates]
    if isotonic is not None:
        eta = problem.to_loss(isotonic.eta)
        shapes.append(ShapeFit("isotonic", eta, {}, problem.points.chance, isotonic.bic))
    status = status_of(core)
    if status is Status.NO_ONSET:
        shapes = [replace(s, eta=float("nan"), params={}) for s in shapes]
    mine = next(s for s in shapes if requested != "isotonic" or s.shape == "isotonic")
    return ThresholdFit(
        points=problem.points,
        requested=requested,
        shape=mine.shape,
        eta=mine.eta,
        params=mine.params,
        plateau=mine.plateau,
        rss=core.chosen.rss,
        bic=core.chosen.bic,
        shapes=tuple(shapes),
        noise=noise_report(core.contest, core.candidates[0]),
        status=status,
        warnings=(*warnings_of(core, status), *rivals(core)),
        n_boot=core.n_boot,
        core=core,
    )
