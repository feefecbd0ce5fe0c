r"""Alignment: one fitted curve, moved along the loss axis run by run.

The model is a common curve f whose onset each run has at a place of its own,

.. math:: y_{rt} = f(\eta + u_r - L_{rt};\, \theta) + e_{rt}.

Around a fit the curve is tabulated for a grid of shifts u and a set of variants of its amplitude
and shape.  The sum of squares of any run, shift and variant is then
:math:`|y|^2 - 2 m \cdot y + |m|^2` with a template m, and replicates are columns of one product.
Curve, covariance of the errors and shifts are fitted in turn until the shifts stand still.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.special import chdtri

from emergence._typing import AnyArray, BoolArray, FloatArray, IntArray, Noise, Plateau
from emergence.curves.catalogue import COMPETING
from emergence.engine.contest import Candidate, onset_contest
from emergence.engine.grid import curve
from emergence.engine.problem import Problem, make_problem, with_run_noise
from emergence.engine.runs.covariance import best_curve, noise_around, structured
from emergence.engine.runs.sides import sides_by_run
from emergence.errors import DataError
from emergence.noise.run_model import runs_show_thresholds
from emergence.noise.runs import RunNoise
from emergence.records.points import Points

# Rounds, and a move that is far below what any run knows of its threshold.
_ROUNDS, _STILL = 6, 2e-3
# Shifts are looked for within this share of the loss range, to either side.
WIDTH, LEAST_WIDTH = 0.15, 0.02
_SHIFTS = 81
_COARSE, _ROUGHLY = 60, 1e-4  # thresholds of a grid on the way, and tolerance of its polish
_CHUNK = 300_000  # sums of squares at once: they stay in a core's cache
# Variants lie this many standard errors away along the two principal directions.
_PLACES = np.linspace(-2.8, 2.8, 9)


@dataclass(frozen=True, eq=False)
class Templates:
    """Whitened curves (variants, shifts, n), the shifts, and the rows of each run."""

    curves: FloatArray
    shifts: FloatArray
    runs: tuple[IntArray, ...]

    def fit(self, columns: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Fit every data set with one onset for each run, and with one for all.

        Returns the shifts (runs, data sets), and the sums of squares (data sets) with one onset for
        all and with one for each.
        """
        variants, shifts, _ = self.curves.shape
        # Sums of squares are told apart by far more than single precision rounds; half the memory
        # is half the time.
        flat = [self._of_run(rows) for rows in self.runs]
        squares = [np.square(one).sum(axis=0) for one in flat]
        places = np.empty((len(self.runs), columns.shape[1]))
        sums = np.empty((2, columns.shape[1]))
        step = max(1, _CHUNK // (variants * shifts))
        for start in range(0, columns.shape[1], step):
            part = slice(start, start + step)
            data = np.ascontiguousarray(columns[:, part].T, dtype=np.float32)
            together = np.zeros((data.shape[0], variants * shifts), dtype=np.float32)
            apart, smooth = np.zeros((2, data.shape[0], variants))
            where = np.empty((len(self.runs), *apart.shape))
            for r, rows in enumerate(self.runs):
                # Without |y|^2, which no template changes.
                ss = (-2.0 * data[:, rows]) @ flat[r]
                ss += squares[r]
                together += ss
                lowest, on_grid, where[r] = _lowest(ss.reshape(-1, variants, shifts), self.shifts)
                smooth += lowest
                # On the grid: that of a jump has steps, and a parabola through them may be lower
                # than any sum of squares.
                apart += on_grid
            places[:, part] = where[:, np.arange(data.shape[0]), smooth.argmin(axis=1)]
            sums[:, part] = together.min(axis=1), apart.min(axis=1)
        common, own = np.square(columns).sum(axis=0) + sums
        return places, common, own

    def _of_run(self, rows: IntArray) -> AnyArray:
        """Templates at the points of one run, (points, variants times shifts)."""
        return self.curves[:, :, rows].reshape(-1, rows.size).T.astype(np.float32)


def _lowest(ss: AnyArray, shifts: FloatArray) -> tuple[AnyArray, AnyArray, FloatArray]:
    """Least sum of squares over the shifts (last axis) by a parabola, on the grid, and where."""
    # The grid of shifts is coarse; near its least the sum of squares is a parabola.
    best = ss.argmin(axis=-1)[..., None]
    inner = np.clip(best, 1, shifts.size - 2)
    left, middle, right = (np.take_along_axis(ss, inner + j, axis=-1)[..., 0] for j in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    safe = np.where(bend > 0, bend, np.inf)
    move = np.clip(0.5 * (left - right) / safe, -1.0, 1.0)
    where: FloatArray = shifts[inner[..., 0]] + move * (shifts[1] - shifts[0])
    on_grid = np.take_along_axis(ss, best, axis=-1)[..., 0]
    return middle - 0.25 * (left - right) * move, on_grid, where


def make_templates(problem: Problem, best: Candidate, half_width: float) -> Templates:
    """Tabulate a candidate around its own parameters."""
    shifts = np.linspace(-half_width, half_width, _SHIFTS)
    scale, theta = _variants(problem, best)
    stack = np.empty((scale.size, shifts.size, problem.n))
    for v in range(scale.size):
        amps = np.append(best.amps[:1], best.amps[1:] * scale[v])
        stack[v] = _moved(problem, replace(best, theta=theta[v], amps=amps), shifts)
    return Templates(stack, shifts, _rows_of_runs(problem))


def _moved(problem: Problem, best: Candidate, shifts: FloatArray) -> FloatArray:
    """A candidate at every shift, whitened, (shifts, n)."""
    theta = np.repeat(best.theta[None], shifts.size, axis=0)
    theta[:, 0] += shifts
    amps = np.repeat(best.amps[None], shifts.size, axis=0)
    return problem.white(curve(best.family, theta, amps, problem.x))


def _rows_of_runs(problem: Problem) -> tuple[IntArray, ...]:
    assert problem.run is not None
    return tuple(np.flatnonzero(problem.run == r) for r in range(int(problem.run.max()) + 1))


def _variants(problem: Problem, best: Candidate) -> tuple[FloatArray, FloatArray]:
    """Scales of the amplitude and parameter sets around the best, by their covariance."""
    level = best.amps[:1]
    gain = best.ability(problem.x) - level
    rows = [gain[None]]
    if best.theta.size > 1:
        step = 1e-4 * max(best.theta[1], 0.1)
        ends = [
            curve(best.family, best.theta[None] + [0.0, s], best.amps[None], problem.x)
            for s in (step, -step)
        ]
        rows.append((ends[0] - ends[1]) / (2 * step))
    design = problem.white(np.concatenate(rows))
    variance = best.rss / max(problem.n - best.n_params, 1)
    values, vectors = np.linalg.eigh(np.linalg.pinv(design @ design.T) * variance)
    # A direction that the data hardly know is followed only as far as the shape makes sense.
    reach = np.minimum(np.sqrt(np.maximum(values, 0.0)), 0.3) * vectors
    grid = np.stack(np.meshgrid(*[_PLACES] * len(rows), indexing="ij"), axis=-1)
    moves = grid.reshape(-1, len(rows)) @ reach.T
    theta = np.repeat(best.theta[None], moves.shape[0], axis=0)
    if len(rows) > 1:
        low, high = best.family.lower[0], best.family.upper[0]
        theta[:, 1] = np.clip(theta[:, 1] + moves[:, 1], low, high)
    return np.maximum(1.0 + moves[:, 0], 0.05), theta


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


def align(points: Points, shape: str, plateau: Plateau, noise: Noise) -> Aligned:
    """Shift the losses of every run until all runs lie on one curve."""
    # Where a run is too far from the others for that curve to tell, the search begins a second time
    # where each run alone is, if every run shows a curve; the start that places more runs is taken.
    fit = partial(_align_from, points, shape=shape, plateau=plateau, noise=noise)
    try:
        found = fit(np.zeros(points.n_runs))
    except DataError:
        if not runs_show_thresholds(points):
            raise
        return fit(_alone(points, shape, noise))
    if found.known.all() or not runs_show_thresholds(points):
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
    width, noise_of_runs = WIDTH, None
    for _ in range(_ROUNDS):
        problem, candidates = _roughly(shifted(points, shift), shape, plateau, noise, noise_of_runs)
        noise_of_runs = problem.run_model.noise
        best = candidates[0]
        known = _located(problem, best)
        _require_two(problem, known)
        places, *_ = make_templates(problem, best, width).fit(problem.wy[:, None])
        move = np.where(known, places[:, 0], 0.0) * problem.span
        # Only differences are shifts: a move of all together is one of the threshold.
        move -= np.where(known, move[known].mean(), 0.0)
        shift = shift + move
        width = float(np.clip(4.0 * np.abs(move).max() / problem.span, LEAST_WIDTH, WIDTH))
        if np.abs(move).max() < _STILL * problem.span:
            break
    problem, candidates = fit_onsets(shifted(points, shift), shape, plateau, noise)
    best = candidates[0]
    # Shapes that fit alike place eta apart; what that adds no replicate of one of them shows.
    weight = np.exp(-0.5 * np.array([c.bic - best.bic for c in candidates]))
    off = problem.span * np.array([c.theta[0] - best.theta[0] for c in candidates])
    variance = float(weight @ off**2 / weight.sum())
    known = _located(problem, best)
    _require_two(problem, known)
    return Aligned(problem, best, shift, known, variance)


def _roughly(
    points: Points, shape: str, plateau: Plateau, noise: Noise, known: RunNoise | None
) -> tuple[Problem, list[Candidate]]:
    """Onsets of all runs together on the way, given the covariance before, if it is known."""
    # Curve and covariance go on in turn with the shifts: one turn of each will do.
    problem = make_problem(points, noise, "offset+ar1")
    if known is None:
        problem = structured(problem)
    else:
        problem = with_run_noise(problem, known)
        best, level = best_curve(problem)
        problem = with_run_noise(problem, noise_around(problem, best, level=level))
    contest = onset_contest(problem.condensed, shape, plateau, COMPETING, most=_COARSE)
    return problem, sorted(contest.refined(tolerance=_ROUGHLY), key=lambda c: c.bic)


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


def fit_onsets(
    points: Points, shape: str, plateau: Plateau, noise: Noise
) -> tuple[Problem, list[Candidate]]:
    """Onsets of all runs together, best first."""
    problem = structured(make_problem(points, noise, "offset+ar1"))
    # Runs are shifted along curves of one shape parameter at most: ceilings have two.
    contest = onset_contest(problem.condensed, shape, plateau, COMPETING)
    return problem, sorted(contest.refined(), key=lambda c: c.bic)


def shifted(points: Points, shift: FloatArray) -> Points:
    """Points whose runs, in the order of their names, lose so many nats."""
    code = np.unique(np.asarray(points.run).astype(str), return_inverse=True)[1]
    return replace(points, loss=points.loss - shift[code])


def _located(problem: Problem, best: Candidate) -> BoolArray:
    """Runs that say where their threshold is: they reject both the farthest shifts, at 0.1%."""
    # Points on the plateau alone, or far below the threshold alone, do not.
    variance = best.rss / max(problem.n - best.n_params, 1)
    rest = np.square(_moved(problem, best, np.linspace(-WIDTH, WIDTH, _SHIFTS)) - problem.wy)
    ss = np.array([rest[:, rows].sum(axis=1) for rows in _rows_of_runs(problem)])
    far = np.minimum(ss[:, 0], ss[:, -1]) - ss.min(axis=1)
    return np.asarray(far > float(chdtri(1, 1e-3)) * variance)


def _require_two(problem: Problem, known: BoolArray) -> None:
    """Raise DataError where fewer than two runs say where their threshold is."""
    if known.sum() < 2:
        raise DataError(
            f"{problem.points.label}: {int(known.sum())} of {known.size} runs say where their "
            "threshold is (they need checkpoints on both sides of it, or close below); at least 2 "
            "must"
        )
