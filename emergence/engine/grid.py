"""Grid: how much each shape on its grid explains, for many data sets at once.

For given non-linear parameters a shape is a line in n-space, whitened so that errors
are independent, and what it explains of a data set is the squared length of a projection.  All
families on their grids are one matrix of unit rows, a set of replicates is a matrix of columns, and
their product holds every fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from emergence._typing import AnyArray, BoolArray, FloatArray, IntArray
from emergence.curves.family import Basis, Family
from emergence.engine.problem import Problem

_TINY = 1e-12
_CHUNK = 150_000  # elements of one product: small enough to stay in the processor's cache
# From so many data sets on they are taken around their mean; squares of it, as a multiple of theirs
# around it, from which on double precision is needed.
_MANY, _EXACT = 32, 1e5
# Replicates whose BIC comes so near that of the data count as ties: single precision tells no less.
TIE = 0.01


class Shapes(NamedTuple):
    """A family at the rows of ``theta``, with a fitted constant if ``free``."""

    family: Family
    theta: FloatArray
    free: bool


@dataclass(frozen=True, eq=False)
class Stack:
    """Shapes of several families, one after the other, as unit rows in whitened n-space.

    Row i is of family ``of[i]`` at the parameters ``theta[i]``, which NaN fills up to one length.
    Where a family has a fitted constant too (``free``), its rows are orthogonal to ``level``, the
    unit row of that constant.
    """

    families: tuple[Family, ...]
    free: BoolArray
    of: IntArray
    theta: FloatArray
    rows: FloatArray
    level: FloatArray

    @cached_property
    def n_params(self) -> IntArray:
        """Parameters of each family, of its fitted constant too."""
        return np.array([family.n_params for family in self.families]) + self.free

    def where(self, keep: IntArray | BoolArray | slice) -> Self:
        """Return the stack with some of its rows; a family may have none left."""
        return replace(self, of=self.of[keep], theta=self.theta[keep], rows=self.rows[keep])

    def only(self, which: Sequence[int]) -> Self:
        """Return the stack of some of the families."""
        place = np.full(len(self.families), -1)
        place[np.asarray(which, dtype=np.int64)] = np.arange(len(which))
        keep = np.flatnonzero(place[self.of] >= 0)
        whole = keep.size > 0 and keep[-1] - keep[0] == keep.size - 1  # then nothing is copied
        some = self.where(slice(keep[0], keep[-1] + 1) if whole else keep)
        return replace(
            some,
            families=tuple(self.families[i] for i in which),
            free=self.free[list(which)],
            of=place[some.of],
        )

    def present(self) -> Self:
        """Return the stack without families that have no rows."""
        return self.only(np.unique(self.of).tolist())

    def rows_of(self, which: int) -> IntArray:
        """Places of the rows of one family."""
        return np.flatnonzero(self.of == which)

    def parameters(self, rows: int | IntArray, which: int) -> FloatArray:
        """Parameters of some rows of one family."""
        return self.theta[rows, ..., : self.families[which].n_shape]

    def gains(self, columns: FloatArray) -> FloatArray:
        """Sum of squares that each row explains beyond the level, (rows, data sets)."""
        gain: FloatArray = np.square(np.maximum(self.rows @ columns, 0.0))
        return gain

    def levels(self, columns: FloatArray) -> FloatArray:
        """Sum of squares that the constant of each family explains, (families, data sets)."""
        return np.outer(self.free.astype(float), np.square(self.level @ columns))

    def rss(self, columns: FloatArray) -> FloatArray:
        """Residual sum of squares of each row, (rows, data sets)."""
        explained = self.gains(columns)
        if self.free.any():
            explained += self.levels(columns)[self.of]
        return residual_ss(np.einsum("ij,ij->j", columns, columns), explained)

    def least_rss(self, columns: FloatArray) -> FloatArray:
        """Least residual sum of squares of each family, (families, data sets); infinite if none."""
        return self.least_by(self.of, len(self.families), columns)

    def least_by(self, group: IntArray, size: int, columns: FloatArray) -> FloatArray:
        """Least residual sum of squares in each group of rows of one family, (groups, data sets).

        Group k is of family k modulo their number.
        """
        top = _highest(self.rows, group, size, columns)
        gain = np.square(np.maximum(top, 0.0))
        if self.free.any():
            gain += np.tile(self.levels(columns), (size // len(self.families), 1))
        rss = residual_ss(np.einsum("ij,ij->j", columns, columns), gain)
        rss[np.isneginf(top[:, 0])] = np.inf
        return rss


def _highest(rows: FloatArray, group: IntArray, size: int, columns: FloatArray) -> FloatArray:
    """Largest projection on the rows of each group, (groups, data sets); -inf where it has none."""
    # A positive projection grows with its square, so one look for the largest will do.
    top = np.full((size, columns.shape[1]), -np.inf)
    order = None
    if (group[1:] < group[:-1]).any():
        order = np.argsort(group, kind="stable")
        group = group[order]
        if columns.shape[1] >= rows.shape[1]:  # rows are fewer numbers to order than projections
            rows, order = rows[order], None
    ends = np.searchsorted(group, np.arange(size + 1))
    there = np.flatnonzero(np.diff(ends))
    mean, rest = _around(columns)
    base, unit = rows @ mean, rows.astype(rest.dtype, copy=False).T
    step = max(1, _CHUNK // max(rows.shape[0], 1))
    for start in range(0, columns.shape[1] if there.size else 0, step):
        part = slice(start, start + step)
        # Along the rows in memory, where a maximum is fastest.
        projection = rest[part] @ unit + base
        if order is not None:
            projection = projection[:, order]
        top[there, part] = np.maximum.reduceat(projection, ends[there], axis=1).T
    return top


def _around(columns: FloatArray) -> tuple[FloatArray, AnyArray]:
    """Mean of the data sets, and what each differs from it by, (data sets, n)."""
    # Replicates differ by their errors, which single precision knows to a hundredth of a unit of
    # BIC; what they have in common, and where that is all there is, needs double.
    if columns.shape[1] < _MANY:
        return np.zeros(columns.shape[0]), columns.T
    mean = columns.mean(axis=1)
    rest = columns.T - mean
    exact = float(mean @ mean) * columns.shape[1] > _EXACT * float(np.vdot(rest, rest))
    return mean, rest if exact else rest.astype(np.float32)


def stacked(problem: Problem, shapes: Sequence[Shapes]) -> Stack:
    """Shapes on a problem, their unit rows still empty."""
    sizes = [len(s.theta) for s in shapes]
    of = np.repeat(np.arange(len(shapes)), sizes)
    theta = np.full((of.size, max(s.theta.shape[1] for s in shapes)), np.nan)
    for i, s in enumerate(shapes):
        theta[of == i, : s.theta.shape[1]] = s.theta
    free = np.array([s.free or s.family.free_floor for s in shapes])
    families = tuple(s.family for s in shapes)
    empty = np.empty((of.size, 0))
    return Stack(families, free, of, theta=theta, rows=empty, level=problem.level)


def make_stack(problem: Problem, shapes: Sequence[Shapes]) -> Stack:
    """Shapes on a problem; one family with and without a constant shares one ``theta``."""
    stack = stacked(problem, shapes)
    rows = np.empty((stack.of.size, problem.wy.size))
    ends = np.searchsorted(stack.of, np.arange(len(shapes) + 1))
    made: dict[tuple[Basis, int], FloatArray] = {}
    for i, (family, theta, _) in enumerate(shapes):
        key = (family.basis, id(theta))
        if key not in made:
            made[key] = problem.white(family.basis(problem.x, theta))
        own = rows[ends[i] : ends[i + 1]]
        own[:] = made[key]
        if stack.free[i]:
            own -= np.outer(own @ problem.level, problem.level)
        length = np.sqrt(np.einsum("ij,ij->i", own, own))[:, None]
        own *= np.where(length > _TINY, 1.0 / np.maximum(length, _TINY), 0.0)
    return replace(stack, rows=rows)


def explained(problem: Problem, family: Family, theta: FloatArray, *, free: bool) -> FloatArray:
    """Sum of squares of the data that each parameter set explains beyond the level."""
    rows = problem.white(family.basis(problem.x, theta))
    return explained_by(rows, problem, free=free or family.free_floor)


def explained_by(rows: FloatArray, problem: Problem, *, free: bool) -> FloatArray:
    """The same of whitened ``rows``, which a constant (``free``) is taken out of in place."""
    if free:
        rows -= np.outer(rows @ problem.level, problem.level)
    square = np.einsum("ij,ij->i", rows, rows)
    along = np.maximum(rows @ problem.wy, 0.0)
    return np.asarray(along * along / np.where(square > _TINY**2, square, np.inf))


def amplitudes(
    family: Family, theta: FloatArray, problem: Problem, columns: FloatArray, *, fit_level: bool
) -> FloatArray:
    """Amplitudes of parameter set i for data set i, shape (m, 2).

    The first is the fitted constant (0 where none is fitted); the other is the non-negative
    least-squares amplitude, as :meth:`Stack.gains` assumes.
    """
    level = problem.level if fit_level or family.free_floor else None
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


def bic(
    rss: FloatArray | float, n: int | Sequence[int], n_params: FloatArray | IntArray | float
) -> FloatArray:
    r"""Bayesian information criterion, Gaussian with free variance (Schwarz 1978).

    Of several parts with curves of their own, whose errors have one variance, it is

    .. math:: N \log \frac{\sum_r \mathrm{RSS}_r}{N} + \sum_r k \log n_r,
        \qquad N = \sum_r n_r

    with ``rss`` their sum.  A variance for each part would let one that is fitted to the digit, as
    a run of zeros is, outweigh all others.
    """
    sizes = np.atleast_1d(n)
    total = int(sizes.sum())
    value: FloatArray = total * np.log(rss / total) + n_params * float(np.log(sizes).sum())
    return value


def least_bic(
    rss: FloatArray, n: int | Sequence[int], n_params: IntArray, handicap: FloatArray | float = 0.0
) -> FloatArray:
    """Least BIC, and ``handicap``, over the first axis, that of the shapes."""
    # One logarithm for all shapes: what a parameter costs is a factor of the sum of squares.
    sizes = np.atleast_1d(n)
    total = int(sizes.sum())
    price = np.exp((n_params * np.log(sizes).sum() + handicap) / total)
    least: FloatArray = np.min(rss * price.reshape(-1, *[1] * (rss.ndim - 1)), axis=0)
    return total * np.log(least / total)


def flat_bic(problem: Problem) -> float:
    """Criterion of a constant."""
    ones, wy = problem.ones, problem.wy
    rss = residual_ss(float(wy @ wy), float(ones @ wy) ** 2 / float(ones @ ones))
    return float(bic(rss, problem.n, 1))
