"""Grid: how much each shape on its grid explains, for many data sets at once.

For given non-linear parameters a shape is a line in n-space, whitened so that errors
are independent, and what it explains of a data set is the squared length of a projection.  A grid
of shapes is a matrix of unit rows, a set of replicates a matrix of columns, and their product
holds every fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from emergence._typing import BoolArray, FloatArray, IntArray
from emergence.curves.family import Family
from emergence.engine.problem import Problem

_TINY = 1e-12
_MAX_ELEMENTS = 4_000_000  # of one product; keeps peak memory near 32 MB a call


@dataclass(frozen=True, eq=False)
class Block:
    """A family on a grid, as unit rows in whitened n-space.

    ``level`` is the unit row of a fitted constant, to which all others are orthogonal, or None.
    """

    family: Family
    theta: FloatArray
    rows: FloatArray
    level: FloatArray | None

    @property
    def n_params(self) -> int:
        """Parameters of the family and of the fitted constant."""
        return self.family.n_params + (self.level is not None)

    def where(self, keep: IntArray | BoolArray) -> Self:
        """Return the block with some of its parameter sets."""
        return replace(self, theta=self.theta[keep], rows=self.rows[keep])


def _unit(rows: FloatArray) -> FloatArray:
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return rows * np.where(length > _TINY, 1.0 / np.maximum(length, _TINY), 0.0)


def _level(problem: Problem, family: Family, fit_level: bool) -> FloatArray | None:
    """Unit row of the fitted constant, if there is one."""
    ones = problem.ones
    return ones / np.sqrt(ones @ ones) if fit_level or family.free_floor else None


def make_blocks(
    family: Family, theta: FloatArray, basis: FloatArray, problem: Problem, levels: Sequence[bool]
) -> list[Block]:
    """Basis of a family at the rows of ``theta``, whitened, to unit length, for each level."""
    rows, out = problem.white(basis), []
    for fit_level in levels:
        level, own = _level(problem, family, fit_level), rows
        if level is not None:
            own = np.outer(rows @ level, -level)
            own += rows
        out.append(Block(family, theta, _unit(own), level))
    return out


def gains(block: Block, columns: FloatArray) -> FloatArray:
    """Sum of squares explained (beyond the level), shape (rows of theta, data sets)."""
    gain: FloatArray = np.square(np.maximum(block.rows @ columns, 0.0))
    return gain


def best_gain(block: Block, columns: FloatArray) -> FloatArray:
    """Largest of :func:`gains` over the grid, level included, for each data set."""
    # A positive projection grows with its square, so one look for the largest will do.
    out = np.empty(columns.shape[1])
    step = max(1, _MAX_ELEMENTS // max(block.theta.shape[0], 1))
    for start in range(0, columns.shape[1], step):
        top = np.maximum((block.rows @ columns[:, start : start + step]).max(axis=0), 0.0)
        out[start : start + step] = top * top
    if block.level is not None:
        out += np.square(block.level @ columns)
    return out


def amplitudes(
    family: Family, theta: FloatArray, problem: Problem, columns: FloatArray, *, fit_level: bool
) -> FloatArray:
    """Amplitudes of parameter set i for data set i, shape (m, 2).

    The first is the fitted constant (0 where none is fitted); the other is the non-negative
    least-squares amplitude, as :func:`gains` assumes.
    """
    level = _level(problem, family, fit_level)
    y = columns.T
    raw = problem.white(family.basis(problem.x, theta))
    rows, target = raw, y
    if level is not None:
        rows = raw - np.outer(raw @ level, level)
        target = y - np.outer(y @ level, level)
    square = _dot(rows, rows)
    out = np.zeros((theta.shape[0], 2))
    out[:, 1] = np.maximum(_dot(rows, target), 0.0) / np.where(square > _TINY**2, square, np.inf)
    if level is not None:
        out[:, 0] = (y - out[:, 1:] * raw) @ level / np.sqrt(problem.ones @ problem.ones)
    return out


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    product: FloatArray = np.einsum("ij,ij->i", *np.broadcast_arrays(a, b))
    return product


def curve(family: Family, theta: FloatArray, amps: FloatArray, x: FloatArray) -> FloatArray:
    """Ability of parameter set i with its amplitudes at the places x, shape (m, n)."""
    value: FloatArray = amps[:, :1] + amps[:, 1:] * family.basis(x, theta)
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
