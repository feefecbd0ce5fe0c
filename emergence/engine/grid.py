"""Grid: how much each shape on its grid explains, for many data sets at once.

For given non-linear parameters a shape is a line (or plane) in n-space, whitened so that errors
are independent, and what it explains of a data set is the squared length of a projection.  A grid
of shapes is a matrix of unit rows, a set of replicates a matrix of columns, and their product
holds every fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from emergence._typing import FloatArray, IntArray
from emergence.curves.family import Family
from emergence.engine.problem import Problem

_TINY = 1e-12
_MAX_ELEMENTS = 4_000_000  # of one product; keeps peak memory near 32 MB a call


@dataclass(frozen=True, eq=False)
class Block:
    """A family on a grid, as orthonormal rows in whitened n-space.

    ``first`` holds unit rows; for a jump ``second`` holds unit rows orthogonal to them
    (its slope), ``single`` the unit slope rows themselves, and ``ratio`` the cotangent of
    the angle between step and slope, which tells where the best jump is not positive.
    ``level`` is the unit row of a fitted constant, to which all others are orthogonal, or
    None.
    """

    family: Family
    theta: FloatArray
    first: FloatArray
    level: FloatArray | None
    second: FloatArray | None = None
    single: FloatArray | None = None
    ratio: FloatArray | None = None

    @property
    def n_params(self) -> int:
        """Parameters of the family and of the fitted constant."""
        return self.family.n_params + (self.level is not None)

    def rows(self, keep: IntArray) -> Self:
        """Return the block with some of its parameter sets."""

        def pick(a: FloatArray | None) -> FloatArray | None:
            return None if a is None else a[keep]

        return replace(
            self,
            theta=self.theta[keep],
            first=self.first[keep],
            second=pick(self.second),
            single=pick(self.single),
            ratio=pick(self.ratio),
        )


def _unit(rows: FloatArray) -> FloatArray:
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return np.where(length > _TINY, rows / np.where(length > _TINY, length, 1.0), 0.0)


def _level(problem: Problem, family: Family, fit_level: bool) -> FloatArray | None:
    """Unit row of the fitted constant, if there is one."""
    ones = problem.ones
    return ones / np.sqrt(ones @ ones) if fit_level or family.free_floor else None


def make_block(
    family: Family,
    theta: FloatArray,
    basis: tuple[FloatArray, ...],
    problem: Problem,
    *,
    fit_level: bool,
) -> Block:
    """Whiten the basis of a family at the rows of ``theta`` and make it orthonormal."""
    level = _level(problem, family, fit_level)
    parts = [problem.white(rows) for rows in basis]
    if level is not None:
        parts = [rows - np.outer(rows @ level, level) for rows in parts]
    first = _unit(parts[0])
    if len(parts) == 1:
        return Block(family, theta, first, level)
    # Gram-Schmidt: with the slope made orthogonal to the step, gains simply add.
    mix = np.einsum("ij,ij->i", parts[1], first)
    across = parts[1] - mix[:, None] * first
    # Below rounding size the slope is a multiple of the step: then it is no column.
    size = np.einsum("ij,ij->i", across, across)
    whole = np.einsum("ij,ij->i", parts[1], parts[1])
    size[size <= 1e-14 * whole] = 0.0
    across[size == 0.0] = 0.0
    ratio = np.where(size > 0, mix / np.sqrt(np.where(size > 0, size, 1.0)), 0.0)
    second, single = _unit(across), _unit(parts[1])
    return Block(family, theta, first, level, second=second, single=single, ratio=ratio)


def gains(block: Block, columns: FloatArray) -> FloatArray:
    """Sum of squares explained (beyond the level), shape (rows of theta, data sets)."""
    a = block.first @ columns
    one = np.square(np.maximum(a, 0.0))
    if block.second is None:
        return one
    assert block.single is not None
    assert block.ratio is not None
    b = block.second @ columns
    slope = np.square(np.maximum(block.single @ columns, 0.0))
    # The best amplitudes without a sign may turn a rise into a fall; then the better of step and
    # slope alone is best, for two non-negative amplitudes leave no other case.
    both = (b >= 0) & (a >= block.ratio[:, None] * b)  # both coefficients are positive
    return np.where(both, a * a + b * b, np.maximum(one, slope))


def best_gain(block: Block, columns: FloatArray) -> FloatArray:
    """Largest of :func:`gains` over the grid, level included, for each data set."""
    # A positive projection grows with its square, so one look for the largest will do.
    out = np.empty(columns.shape[1])
    step = max(1, _MAX_ELEMENTS // max(block.theta.shape[0], 1))
    for start in range(0, columns.shape[1], step):
        part = columns[:, start : start + step]
        if block.second is None:
            top = np.maximum((block.first @ part).max(axis=0), 0.0)
            out[start : start + step] = top * top
        else:
            out[start : start + step] = gains(block, part).max(axis=0)
    if block.level is not None:
        out += np.square(block.level @ columns)
    return out


def amplitudes(
    family: Family, theta: FloatArray, problem: Problem, columns: FloatArray, *, fit_level: bool
) -> FloatArray:
    """Amplitudes of parameter set i for data set i, shape (m, 1 + number of bases).

    The first is the fitted constant (0 where none is fitted); the others are the
    non-negative least-squares amplitudes, as :func:`gains` assumes.
    """
    level = _level(problem, family, fit_level)
    y = columns.T
    raw = [problem.white(rows) for rows in family.basis(problem.x, theta)]
    parts, target = raw, y
    if level is not None:
        parts = [rows - np.outer(rows @ level, level) for rows in raw]
        target = y - np.outer(y @ level, level)
    first = parts[0]
    dots = [_dot(p, target) for p in parts]
    squares = [_dot(p, p) for p in parts]
    out = np.zeros((theta.shape[0], 1 + len(parts)))
    for j, (dot, square) in enumerate(zip(dots, squares, strict=True)):
        out[:, 1 + j] = np.maximum(dot, 0.0) / np.where(square > _TINY**2, square, np.inf)
    if len(parts) == 2:
        cross = _dot(first, parts[1])
        det = squares[0] * squares[1] - cross**2
        safe = np.where(det > 1e-14 * squares[0] * squares[1], det, np.inf)
        a = (squares[1] * dots[0] - cross * dots[1]) / safe
        b = (squares[0] * dots[1] - cross * dots[0]) / safe
        both = np.isfinite(safe) & (a >= 0) & (b >= 0)
        step_only = out[:, 1] ** 2 * squares[0] >= out[:, 2] ** 2 * squares[1]
        out[:, 1] = np.where(both, a, np.where(step_only, out[:, 1], 0.0))
        out[:, 2] = np.where(both, b, np.where(step_only, 0.0, out[:, 2]))
    if level is not None:
        rest = y - sum(out[:, 1 + j : 2 + j] * rows for j, rows in enumerate(raw))
        out[:, 0] = rest @ level / np.sqrt(problem.ones @ problem.ones)
    return out


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    product: FloatArray = np.einsum("ij,ij->i", *np.broadcast_arrays(a, b))
    return product


def curve(family: Family, theta: FloatArray, amps: FloatArray, x: FloatArray) -> FloatArray:
    """Ability of parameter set i with its amplitudes at the places x, shape (m, n)."""
    value: FloatArray = amps[:, :1] + sum(
        amps[:, 1 + j : 2 + j] * rows for j, rows in enumerate(family.basis(x, theta))
    )
    return value


def residual_ss(total: FloatArray | float, gain: FloatArray | float) -> FloatArray:
    """Residual sum of squares, kept above rounding size so that logarithms exist."""
    return np.maximum(total - gain, 1e-13 * np.maximum(total, 1e-300))


def grid_rss(block: Block, columns: FloatArray, gain: FloatArray) -> FloatArray:
    """Residual sums of squares of parameter sets that explain ``gain`` beyond the level."""
    level = 0.0 if block.level is None else np.square(block.level @ columns)
    return residual_ss(np.einsum("ij,ij->j", columns, columns), gain + level)


def bic(rss: FloatArray | float, n: int, n_params: int | IntArray) -> FloatArray:
    """Bayesian information criterion, Gaussian with free variance (Schwarz 1978)."""
    value: FloatArray = n * np.log(rss / n) + n_params * np.log(n)
    return value


def joint_bic(
    rss: Sequence[FloatArray | float], n: Sequence[int], n_params: Sequence[int]
) -> FloatArray:
    r"""Criterion of curves of their own for several parts whose errors have one variance.

    .. math:: N \log \frac{\sum_r \mathrm{RSS}_r}{N} + \sum_r k_r \log n_r,
        \qquad N = \sum_r n_r

    A variance for each part would let one that is fitted to the digit, as a run of zeros is,
    outweigh all others.
    """
    penalty = sum(k * np.log(m) for k, m in zip(n_params, n, strict=True))
    return bic(np.sum(np.array(rss), axis=0), sum(n), 0) + penalty


def flat_bic(problem: Problem) -> float:
    """Criterion of a constant."""
    ones, wy = problem.ones, problem.wy
    rss = residual_ss(float(wy @ wy), float(ones @ wy) ** 2 / float(ones @ ones))
    return float(bic(rss, problem.n, 1))
