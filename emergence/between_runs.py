r"""run_thresholds: does every run leave chance at the same loss?

The claim "performance is a function of the loss alone" says so.  Here run r has a threshold of its
own, :math:`\eta_r = \eta + u_r`, on a curve that all runs share.

1. Curve, covariance of the errors and shifts are fitted in turn until the shifts stand still; the
   runs are then aligned.
2. A parametric bootstrap refits shifts, amplitude and shape, and gives the covariance
   of the estimated :math:`\eta_r`.
3. Random effects (:mod:`emergence.random_effects`) give the mean, the spread and the best linear
   prediction of each run.
4. "One eta for all runs" is tested by the fall of the sum of squares when runs may differ, as a
   share of what is left of it, its distribution simulated under a common eta.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from emergence._typing import BoolArray, FloatArray
from emergence.between_runs_result import RunThresholds, Trend
from emergence.contest import Candidate
from emergence.errors import DataError
from emergence.families import THRESHOLD_FAMILIES, THRESHOLD_SHAPES
from emergence.noise import Noise
from emergence.plateau import Plateau, with_plateau
from emergence.points import Points, as_points
from emergence.problem import Problem, make_problem
from emergence.random_effects import fit_random_effects
from emergence.resample import Seed, as_seed, child
from emergence.side import runs_show_curves, sides_by_run
from emergence.structure import structured
from emergence.templates import make_templates

_ROUNDS = 8
_STREAM = 21
# Shifts are looked for within this share of the loss range, to either side.
_WIDTH, _LEAST_WIDTH = 0.15, 0.02
_PILOT = 99


@dataclass(frozen=True, eq=False)
class Aligned:
    """Problem whose runs are shifted onto one curve, that curve, and the shifts in nats.

    ``shape_variance`` is the variance of eta between the shapes, weighted by BIC.
    """

    problem: Problem
    best: Candidate
    shift: FloatArray
    known: BoolArray
    shape_variance: float


def run_thresholds(
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
    params: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    noise: Noise = "auto",
    n_boot: int = 999,
    rng: Seed = 0,
) -> RunThresholds:
    r"""Estimate a threshold for each run, their mean and spread, and test whether they are one.

    .. math:: y_{rt} = c + f(\eta + u_r - L_{rt}) + o_r + a_{rt}, \qquad u_r \sim N(0, \tau^2)

    with offsets and AR(1) errors as in :func:`fit_threshold`.

    Parameters
    ----------
    points, value, shape, plateau, chance, best, n_items, run, tokens, weights, noise
        As for :func:`fit_threshold`; the shape may not be isotonic.
    params : (n,) array_like, optional
        Model size, to ask whether eta moves with it.
    n_boot : int
        Replicates of the bootstrap, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Returns
    -------
    RunThresholds

    Raises
    ------
    DataError
        Where fewer than two runs say where their threshold is.

    Examples
    --------
    >>> from emergence import run_thresholds, simulate
    >>> points = simulate("jump", n=96, n_runs=8, eta_sd=0.05, rng=1).select()
    >>> result = run_thresholds(points, n_boot=199)
    >>> bool(result.p_common < 0.05 and abs(result.eta - 2.2) < 0.1)
    True
    """
    if shape not in ("auto", *THRESHOLD_SHAPES):
        raise DataError(f"shape {shape!r} is not known: auto, {', '.join(THRESHOLD_SHAPES)}")
    if n_boot < 99:
        raise DataError(f"n_boot is {n_boot}; a test needs at least 99")
    pts = as_points(
        points,
        value,
        chance=chance,
        best=best,
        n_items=n_items,
        run=run,
        tokens=tokens,
        params=params,
        weights=weights,
    )
    seed = as_seed(rng)
    aligned = align(pts, shape, plateau, noise)
    sigma = _sampling_covariance(aligned, n_boot, seed)
    known = aligned.known
    eta = aligned.problem.to_loss(float(aligned.best.theta[0])) + aligned.shift[known]
    effects = fit_random_effects(eta, sigma, np.ones((eta.size, 1)))
    points = aligned.problem.points
    names = np.unique(np.asarray(points.run).astype(str))
    size = {name: _of_run(points, names, name) for name in ("params", "tokens")}
    trends = [
        trend
        for name, column in size.items()
        if column is not None and (trend := _trend(name, column[known], eta, sigma)) is not None
    ]
    moved = effects.beta[0] - aligned.problem.to_loss(float(aligned.best.theta[0]))
    return RunThresholds(
        points=pts,
        shape=aligned.best.family.name,
        runs=tuple(names[known].tolist()),
        unknown=tuple(names[~known].tolist()),
        p_common=_common_p(aligned, pts, plateau, noise, n_boot, seed),
        trends=tuple(trends),
        params=None if size["params"] is None else size["params"][known],
        tokens=None if size["tokens"] is None else size["tokens"][known],
        _effects=effects,
        _aligned=_shifted(pts, aligned.shift - moved),
    )


def align(points: Points, shape: str, plateau: Plateau, noise: Noise) -> Aligned:
    """Shift the losses of every run until all runs lie on one curve.

    Where a run is too far from the others for that curve to tell, the search begins a second time
    where each run alone is, if every run shows a curve; the start that places more runs is taken.
    """
    fit = partial(_align_from, points, shape=shape, plateau=plateau, noise=noise)
    try:
        found = fit(np.zeros(points.n_runs))
    except DataError:
        if not runs_show_curves(points):
            raise
        return fit(_alone(points, shape, noise))
    if found.known.all() or not runs_show_curves(points):
        return found
    try:
        again = fit(_alone(points, shape, noise))
    except DataError:
        return found
    return again if again.known.sum() > found.known.sum() else found


def _align_from(
    points: Points, shift: FloatArray, shape: str, plateau: Plateau, noise: Noise
) -> Aligned:
    """Aligned runs, from one start."""
    width = _WIDTH
    for _ in range(_ROUNDS):
        problem, candidates = _fit(_shifted(points, shift), shape, plateau, noise)
        best = candidates[0]
        known = _located(problem, best)
        _require_two(problem, known)
        places, _ = make_templates(problem, best, width).fit(problem.wy[:, None])
        move = np.where(known, places[:, 0], 0.0) * problem.span
        move -= np.where(known, move[known].mean(), 0.0)
        shift = shift + move
        width = float(np.clip(4.0 * np.abs(move).max() / problem.span, _LEAST_WIDTH, _WIDTH))
        if np.abs(move).max() < 1e-4 * problem.span:
            break
    problem, candidates = _fit(_shifted(points, shift), shape, plateau, noise)
    best = candidates[0]
    weight = np.exp(-0.5 * np.array([c.bic - best.bic for c in candidates]))
    off = problem.span * np.array([c.theta[0] - best.theta[0] for c in candidates])
    variance = float(weight @ off**2 / weight.sum())
    known = _located(problem, best)
    _require_two(problem, known)
    return Aligned(problem, best, shift, known, variance)


def _alone(points: Points, shape: str, noise: Noise) -> FloatArray:
    """Shifts, in nats, that put the thresholds of runs fitted apart onto their median."""
    problem = structured(make_problem(points, noise, "offset+ar1"))
    side = sides_by_run(problem, fit_level=False)[0].refined()
    curves = next((c for c in side if c.name == shape), side[0])
    eta = np.array([c.theta[0] for c in curves.parts]) * problem.span
    # A run without a threshold puts it anywhere; no loss may become negative.
    reach = 0.5 * min(problem.span, problem.low)
    shift: FloatArray = np.clip(eta - np.median(eta), -reach, reach)
    return shift


def _fit(
    points: Points, shape: str, plateau: Plateau, noise: Noise
) -> tuple[Problem, list[Candidate]]:
    """Onsets of all runs together, best first."""
    problem = structured(make_problem(points, noise, "offset+ar1"))
    return problem, _candidates(problem, shape, plateau)


def _candidates(problem: Problem, shape: str, plateau: Plateau) -> list[Candidate]:
    families = THRESHOLD_FAMILIES if shape == "auto" else (THRESHOLD_SHAPES[shape],)
    return sorted(with_plateau(problem, families, plateau).refined(), key=lambda c: c.bic)


def _shifted(points: Points, shift: FloatArray) -> Points:
    code = np.unique(np.asarray(points.run).astype(str), return_inverse=True)[1]
    return replace(points, loss=points.loss - shift[code])


def _located(problem: Problem, best: Candidate) -> BoolArray:
    """Runs that say where their threshold is.

    Points on the plateau alone, or far below the threshold alone, do not.
    """
    variance = best.rss / max(problem.n - best.n_params, 1)
    return make_templates(problem, best, _WIDTH).located(problem.wy, variance)


def _require_two(problem: Problem, known: BoolArray) -> None:
    """Raise DataError where fewer than two runs say where their threshold is."""
    if known.sum() < 2:
        raise DataError(
            f"{problem.points.label}: {int(known.sum())} of {known.size} runs say where their "
            "threshold is (they need checkpoints on both sides of it, or close below); at least 2 "
            "must"
        )


def _sampling_covariance(aligned: Aligned, n_boot: int, seed: np.random.SeedSequence) -> FloatArray:
    """Covariance of the estimated thresholds around the true ones, nats squared.

    What the choice of the shape adds is common to all runs.
    """
    problem, best = aligned.problem, aligned.best
    n_fitted = best.n_params + int(aligned.known.sum()) - 1
    columns = _replicates(problem, best, n_fitted, n_boot, seed)
    pilot, _ = make_templates(problem, best, _WIDTH).fit(columns[:, :_PILOT])
    spread = float(pilot[aligned.known].std(axis=1).max())
    width = float(np.clip(4.0 * spread, _LEAST_WIDTH, _WIDTH))
    places, _ = make_templates(problem, best, width).fit(columns)
    errors = places[aligned.known] * problem.span
    covariance: FloatArray = np.cov(errors) + aligned.shape_variance
    return covariance


def _replicates(
    problem: Problem, best: Candidate, n_fitted: int, n_boot: int, seed: np.random.SeedSequence
) -> FloatArray:
    """Whitened Gaussian data sets around a curve."""
    mean = best.ability(problem.x)
    sd = np.sqrt(best.rss / max(problem.n - n_fitted, 1)) * problem.error_scale(mean)
    draws = child(seed, _STREAM).standard_normal((n_boot, problem.n)).T
    return problem.white(mean[None])[0][:, None] + sd[:, None] * draws


def _common_p(
    aligned: Aligned,
    points: Points,
    plateau: Plateau,
    noise: Noise,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> float:
    """Bootstrap p-value of one threshold for all runs.

    The covariance is that around the common curve.  Where runs differ it is too large, which the
    ratio that is tested forgives; that around the aligned curve is too small where they do not,
    for shifts absorb errors that follow each other.
    """
    problem, candidates = _fit(points, aligned.best.family.name, plateau, noise)
    best = candidates[0]
    reach = 1.5 * float(np.abs(aligned.shift).max()) / problem.span
    templates = make_templates(problem, best, float(np.clip(reach, 2 * _LEAST_WIDTH, _WIDTH)))
    observed = templates.fit(problem.wy[:, None])[1][0]
    null = templates.fit(_replicates(problem, best, best.n_params - 1, n_boot, seed))[1]
    return float((1 + np.sum(null >= observed)) / (1 + null.size))


def _of_run(points: Points, names: np.ndarray, column: str) -> FloatArray | None:
    """Largest value of a column in each run, or None where it is missing."""
    values = getattr(points, column)
    if values is None:
        return None
    run = np.asarray(points.run).astype(str)
    return np.array([values[run == name].max() for name in names])


def _trend(name: str, size: FloatArray, eta: FloatArray, sigma: FloatArray) -> Trend | None:
    """Slope of eta over a decade of size; None where there is nothing to compare."""
    decades = np.log10(size)
    if eta.size < 3 or np.ptp(decades) < 1e-6:
        return None
    fit = fit_random_effects(eta, sigma, np.column_stack([np.ones(eta.size), decades]))
    slope, se = float(fit.beta[1]), float(np.sqrt(fit.covariance[1, 1]))
    return Trend(name, slope, se, 2.0 * float(stdtr(fit.dof, -abs(slope) / se)), fit.dof)
