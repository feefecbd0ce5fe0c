r"""Templates: one fitted curve, moved along the loss axis run by run.

The model is a common curve f whose onset each run has at a place of its own,

.. math:: y_{rt} = f(\eta + u_r - L_{rt};\, \theta) + e_{rt}.

Around a fit the curve is tabulated for a grid of shifts u and a set of variants of its amplitude
and shape.  The sum of squares of any run, shift and variant is then
:math:`|y|^2 - 2 m \cdot y + |m|^2` with a template m, and replicates are columns of one product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from emergence._typing import BoolArray, FloatArray, IntArray
from emergence.contest import Candidate
from emergence.problem import Problem
from emergence.profile import curve

_SHIFTS = 81
# Variants lie this many standard errors away along the two principal directions.
_PLACES = np.linspace(-2.8, 2.8, 9)


@dataclass(frozen=True, eq=False)
class Templates:
    """Whitened curves (variants, shifts, n), the shifts, and the rows of each run."""

    curves: FloatArray
    shifts: FloatArray
    runs: tuple[IntArray, ...]

    def fit(self, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Fit every data set with one onset for each run, and with one for all.

        Returns the shifts (runs, data sets), and how much the sum of squares falls when the
        runs may differ, as a share of what is left of it (data sets).
        """
        variants, shifts, _ = self.curves.shape
        together = np.zeros((variants, shifts, columns.shape[1]))
        apart = np.zeros((variants, columns.shape[1]))
        places = np.empty((len(self.runs), variants, columns.shape[1]))
        for r, rows in enumerate(self.runs):
            flat = self.curves[:, :, rows].reshape(variants * shifts, rows.size)
            squares = np.einsum("ij,ij->i", flat, flat)
            ss = (squares[:, None] - 2.0 * flat @ columns[rows]).reshape(together.shape)
            together += ss
            lowest, places[r] = _lowest(ss, self.shifts)
            apart += lowest
        variant = apart.argmin(axis=0)
        pick = np.arange(columns.shape[1])
        common = _lowest(together, self.shifts)[0].min(axis=0)
        left = np.square(columns).sum(axis=0) + apart[variant, pick]
        return places[:, variant, pick], (common - apart[variant, pick]) / np.maximum(left, 1e-300)

    def located(self, column: FloatArray, variance: float) -> BoolArray:
        """Runs whose data reject both the farthest shifts, at 0.1%, under the fitted curve."""
        rows = self.curves[self.curves.shape[0] // 2]
        out = np.empty(len(self.runs), dtype=bool)
        for r, mine in enumerate(self.runs):
            ss = np.square(rows[:, mine] - column[mine]).sum(axis=1)
            out[r] = min(ss[0], ss[-1]) - ss.min() > float(chdtri(1, 1e-3)) * variance
        return out


def _lowest(ss: FloatArray, shifts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least sum of squares over the shifts (middle axis) and where, by a parabola."""
    inner = np.clip(ss.argmin(axis=1), 1, shifts.size - 2)[:, None]
    left, middle, right = (np.take_along_axis(ss, inner + j, axis=1)[:, 0] for j in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    safe = np.where(bend > 0, bend, np.inf)
    move = np.clip(0.5 * (left - right) / safe, -1.0, 1.0)
    where: FloatArray = shifts[inner[:, 0]] + move * (shifts[1] - shifts[0])
    return middle - 0.25 * (left - right) * move, where


def make_templates(problem: Problem, best: Candidate, half_width: float) -> Templates:
    """Tabulate a candidate around its own parameters."""
    assert problem.run is not None
    shifts = np.linspace(-half_width, half_width, _SHIFTS)
    scale, theta = _variants(problem, best)
    stack = np.empty((scale.size, shifts.size, problem.n))
    for v in range(scale.size):
        moved = np.repeat(theta[v][None], shifts.size, axis=0)
        moved[:, 0] += shifts
        amps = np.append(best.amps[:1], best.amps[1:] * scale[v])
        rows = curve(best.family, moved, np.repeat(amps[None], shifts.size, axis=0), problem.x)
        stack[v] = problem.white(rows)
    runs = tuple(np.flatnonzero(problem.run == r) for r in range(int(problem.run.max()) + 1))
    return Templates(stack, shifts, runs)


def _variants(problem: Problem, best: Candidate) -> tuple[FloatArray, FloatArray]:
    """Scales of the amplitude and parameter sets around the best, by their covariance."""
    level = best.amps[:1]
    gain = best.ability(problem.x) - level
    rows = [gain[None]]
    if best.theta.size > 1:
        step = 1e-4 * best.theta[1]
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
