r"""run_thresholds: does every run leave chance at the same loss?

The claim "performance is a function of the loss alone" says so.  Here run r has a threshold of its
own, :math:`\eta_r = \eta + u_r`, on a curve that all runs share.

Runs that end where they began are set aside: they have no threshold yet, and say only that it lies
below their lowest loss.

1. The others are aligned (:mod:`emergence.fits.runs.alignment`).
2. A parametric bootstrap refits shifts, amplitude and shape, and gives the covariance
   of the estimated :math:`\eta_r`.
3. Random effects (:mod:`emergence.noise.random_effects`) give the mean, the spread and the best
   linear prediction of each run.
4. "One eta for all runs" is tested by the fall of the sum of squares when runs may differ, as a
   share of what is left of it, its distribution simulated under a common eta.
"""

from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from emergence._random import Seed, Stream, as_seed, child
from emergence._residuals import robust_sd
from emergence._typing import Columns, FloatArray, Noise, Plateau
from emergence.curves.catalogue import COMPETING, ONSETS
from emergence.engine.contest import Candidate, onset_contest
from emergence.engine.problem import Problem, make_problem, with_run_noise
from emergence.errors import DataError
from emergence.fits.runs.alignment import (
    LEAST_WIDTH,
    WIDTH,
    Aligned,
    align,
    fit_onsets,
    make_templates,
    shifted,
)
from emergence.fits.runs.thresholds_result import RunThresholds, Trend
from emergence.noise.random_effects import fit_random_effects
from emergence.noise.runs import RunNoise, fit_run_noise
from emergence.records.as_points import as_points
from emergence.records.points import Points

_PILOT = 99
# A run has left its beginning where its last checkpoints, at least so many, are higher by so many
# standard deviations of a score.
_FEW, _RISES = 3, 3.0
_HARDLY = 0.2  # of the largest rise of any run
_FAR = 10.0  # of the criterion, by which runs that differ describe the scores better


def run_thresholds(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    shape: str = "auto",
    plateau: Plateau = "auto",
    noise: Noise = "auto",
    n_boot: int = 999,
    rng: Seed = 0,
    **columns: Unpack[Columns],
) -> RunThresholds:
    r"""Estimate a threshold for each run, their mean and spread, and test whether they are one.

    .. math:: y_{rt} = c + f(\eta + u_r - L_{rt}) + o_r + a_{rt}, \qquad u_r \sim N(0, \tau^2)

    with offsets and AR(1) errors as in :func:`fit_threshold`.

    Parameters
    ----------
    points, value, shape, plateau, noise, **columns
        As for :func:`fit_threshold`; the shape may not be isotonic, and ``params`` and ``tokens``
        let it ask whether eta moves with them.
    n_boot : int
        Replicates of the bootstrap, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

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
    if shape not in ("auto", *ONSETS):
        raise DataError(f"shape {shape!r} is not known: auto, {', '.join(ONSETS)}")
    if n_boot < 99:
        raise DataError(f"n_boot is {n_boot}; a test needs at least 99")
    pts = as_points(points, value, **columns)
    seed = as_seed(rng)
    never = _never_left(pts)
    if never and pts.n_runs - len(never) >= 2:
        # A run without a rise has no place on the curve of the others.
        pts = pts.where(~np.isin(np.asarray(pts.run).astype(str), list(never)))
    else:
        never = {}
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
        never=never,
        p_common=_common_p(aligned, pts, plateau, noise, n_boot=n_boot, seed=seed),
        trends=tuple(trends),
        params=None if size["params"] is None else size["params"][known],
        tokens=None if size["tokens"] is None else size["tokens"][known],
        _effects=effects,
        aligned=shifted(pts, aligned.shift - moved),
    )


def _sampling_covariance(aligned: Aligned, n_boot: int, seed: np.random.SeedSequence) -> FloatArray:
    """Covariance of the estimated thresholds around the true ones, nats squared."""
    # What the choice of the shape adds is common to all runs.
    problem, best = aligned.problem, aligned.best
    n_fitted = best.n_params + int(aligned.known.sum()) - 1
    columns = _replicates(problem, best, best.rss / max(problem.n - n_fitted, 1), n_boot, seed)
    pilot, *_ = make_templates(problem, best, WIDTH).fit(columns[:, :_PILOT])
    spread = float(pilot[aligned.known].std(axis=1).max())
    width = float(np.clip(4.0 * spread, LEAST_WIDTH, WIDTH))
    places, *_ = make_templates(problem, best, width).fit(columns)
    errors = places[aligned.known] * problem.span
    covariance: FloatArray = np.cov(errors) + aligned.shape_variance
    # A step that no replicate moves is still anywhere in the gap between two losses.
    still = errors.std(axis=1) < 1e-9 * problem.span
    covariance[still, still] += _gaps(aligned)[still] ** 2 / 12.0
    return covariance


def _gaps(aligned: Aligned) -> FloatArray:
    """Distance between the two losses of each run that its threshold lies between, nats."""
    problem, eta = aligned.problem, float(aligned.best.theta[0])
    gaps = []
    for r in np.flatnonzero(aligned.known):
        x = problem.x[problem.run == r]
        i = int(np.clip(np.searchsorted(x, eta), 1, x.size - 1))
        gaps.append(problem.span * (x[i] - x[i - 1]))
    return np.array(gaps)


def _replicates(
    problem: Problem, best: Candidate, scale: float, n_boot: int, seed: np.random.SeedSequence
) -> FloatArray:
    """Whitened Gaussian data sets around a curve, of variance ``scale``."""
    mean = best.ability(problem.x)
    sd = np.sqrt(scale) * problem.error_scale(mean)
    draws = child(seed, Stream.RUN_THRESHOLDS).standard_normal((n_boot, problem.n)).T
    return problem.white(mean[None])[0][:, None] + sd[:, None] * draws


def _common_p(
    aligned: Aligned,
    points: Points,
    plateau: Plateau,
    noise: Noise,
    *,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> float:
    """Bootstrap p-value of one threshold for all runs."""
    # The covariance is that around the common curve, for shifts absorb errors that follow each
    # other. But where runs differ by far, that takes what they differ by for errors: then curve and
    # covariance are those of the aligned runs.
    problem, candidates = fit_onsets(points, aligned.best.family.name, plateau, noise)
    best, least = candidates[0], (np.inf, np.inf)
    shifts = int(aligned.known.sum()) - 1
    n_fitted, reach = best.n_params - 1, 1.5 * float(np.abs(aligned.shift).max())
    differ = _criterion(aligned.problem, aligned.best, shifts)
    if differ < _criterion(problem, best, 0) - _FAR:
        noise_of_runs = _noise_beside_shifts(aligned)
        problem, best = _moved_back(aligned, noise_of_runs)
        # A common curve may be of a shape that no aligned one has.
        common = with_run_noise(make_problem(points, noise, "offset+ar1"), noise_of_runs)
        contest = onset_contest(common.condensed, best.family.name, plateau, COMPETING)
        # Nor does any template reach as far as runs were shifted.
        least, n_fitted = (contest.refined()[0].rss, best.rss), best.n_params + shifts
    width = float(np.clip(reach / problem.span, 2 * LEAST_WIDTH, WIDTH))
    templates = make_templates(problem, best, width)
    _, together, apart = templates.fit(problem.wy[:, None])
    observed = _fall(np.minimum(together, least[0]), np.minimum(apart, least[1]))
    scale = best.rss / max(problem.n - n_fitted, 1)
    _, together, apart = templates.fit(_replicates(problem, best, scale, n_boot, seed))
    null = _fall(together, apart)
    return float((1 + np.sum(null >= observed)) / (1 + null.size))


def _criterion(problem: Problem, best: Candidate, shifts: int) -> float:
    """Criterion of Schwarz of a curve with its covariance, and so many shifts of runs."""
    n = problem.n
    return float(n * np.log(best.rss / n) + problem.log_det + (best.n_params + shifts) * np.log(n))


def _moved_back(aligned: Aligned, noise: RunNoise) -> tuple[Problem, Candidate]:
    """Aligned curve under a covariance, at the losses before the runs were shifted."""
    made = with_run_noise(aligned.problem, noise)
    assert made.run is not None
    rest = made.wy - made.white(aligned.best.ability(made.x)[None])[0]
    x = made.to_x(made.points.loss + aligned.shift[made.run])
    return replace(made, x=x), replace(aligned.best, rss=float(rest @ rest))


def _fall(together: FloatArray, apart: FloatArray) -> FloatArray:
    """How much a sum of squares falls when runs may differ, as a share of what is left of it."""
    share: FloatArray = (together - apart) / np.maximum(apart, 1e-300)
    return share


def _noise_beside_shifts(aligned: Aligned) -> RunNoise:
    """Covariance of the errors around the aligned curve, a shift of each run among its slopes."""
    problem, best = aligned.problem, aligned.best
    assert problem.run is not None
    level = bool(best.amps[0])
    rows = best.jacobian(problem.x, level=level) * problem.root_w
    place = int(level) + best.amps.size - 1  # that of the threshold
    own = [np.where(problem.run == r, rows[place], 0.0) for r in np.flatnonzero(aligned.known)]
    design = np.concatenate([np.delete(rows, place, axis=0), own])
    residual = (problem.y - best.ability(problem.x)) * problem.root_w
    return fit_run_noise(residual, problem.run, problem.rank, design, problem.root_w)


def _never_left(points: Points) -> dict[str, float]:
    """Lowest loss of the runs whose tenth of lowest losses is no higher than their beginning."""
    run = np.asarray(points.run).astype(str)
    rises = _rises(points)
    return {
        name: float(points.loss[run == name].min())
        for name, (rise, sd) in rises.items()
        if rise < _RISES * sd
    }


def only_run(points: Points) -> str | None:
    """Find the one run that rises, where all others do not or by next to nothing beside it."""
    rises = _rises(points)
    if len(rises) < points.n_runs:
        return None
    most = max(rise for rise, _ in rises.values())
    risen = [n for n, (rise, sd) in rises.items() if rise >= max(_RISES * sd, _HARDLY * most)]
    return risen[0] if len(risen) == 1 else None


def _rises(points: Points) -> dict[str, tuple[float, float]]:
    """How far the tenth at the lowest losses of each run lies above its beginning, and its error.

    Runs with too few checkpoints are left out.
    """
    run, found = np.asarray(points.run).astype(str), {}
    for name in np.unique(run):
        rows = np.flatnonzero(run == name)
        rows = rows[np.argsort(points.loss[rows])]
        y = points.ability[rows]
        few = max(rows.size // 10, _FEW)
        if rows.size < 3 * _FEW:
            continue
        # Errors by neighbours, which share the curve; and a tenth shares its items, so that its
        # mean is no better known than one score.
        sd = robust_sd(np.diff(y)) / np.sqrt(2.0)
        sd = max(sd, float(np.diff(y).std()) / 3.0)
        found[str(name)] = (float(y[:few].mean() - y[rows.size // 2 :].mean()), sd)
    return found


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
