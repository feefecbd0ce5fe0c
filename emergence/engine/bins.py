r"""Bins: many points summed up, so that the cost of a fit does not grow with their number.

Inside a bin of neighbouring losses a curve is nearly straight: :math:`f(x_i) = (1 - s_i) f(a) +
s_i f(b)` with the ends a and b of the bin, its nodes.  With H the matrix of these shares (nodes by
points) and W the whitening,

.. math:: |W(y - H'f)|^2 = |z - L'f|^2 + \text{rest},\qquad
    H W'W H' = L L', \quad z = L^{-1} H W'W y,

so f at the nodes is all that is asked of a curve.  What points differ by inside their bins is in
the rest, which no curve changes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from emergence._typing import FloatArray, IntArray

# Bins of as many points each and bins of one width, and where the scores change most a fine scale:
# of single points, then ever wider ones.
_BINS, _EVEN, _SINGLE = 64, 32, 8
# Points are summed up where they are more than this; below it there is little to gain.
MANY = 500
_RIDGE = 1e-12
_ELEMENTS = 4_000_000  # of the shares whitened at once


@dataclass(frozen=True, eq=False)
class Bins:
    """Places of the nodes, and for every point the nodes around it and the share of the second."""

    places: FloatArray
    left: IntArray
    right: IntArray
    share: FloatArray

    def at_points(self, values: FloatArray) -> FloatArray:
        """Values at the nodes to values at the points."""
        return np.asarray((1.0 - self.share) * values[self.left] + self.share * values[self.right])

    def shares(self, points: slice | IntArray) -> FloatArray:
        """Shares of the nodes in some of the points, (nodes, points)."""
        left, right, share = self.left[points], self.right[points], self.share[points]
        out, column = np.zeros((self.places.size, left.size)), np.arange(left.size)
        out[left, column] = 1.0 - share
        out[right, column] += share
        return out

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean over the points around each node."""
        count = self.sums(1.0 - self.share, self.share)
        return self.sums((1.0 - self.share) * values, self.share * values) / count

    def sums(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Sums at the nodes of what points give to the node before and to the one after them."""
        size = self.places.size
        ends = ((self.left, left), (self.right, right))
        return np.sum([np.bincount(i, weights=w, minlength=size) for i, w in ends], axis=0)


def make_bins(x: FloatArray, y: FloatArray) -> Bins:
    """Bins for ascending places x, fine where y changes most."""
    n = x.size
    steepest, width = _steepest(y), max(n // _BINS, 1)
    wider = _SINGLE + np.cumsum(2 ** np.arange(1, int(np.log2(width)) + 1))
    away = np.concatenate([np.arange(_SINGLE + 1), wider])
    starts = np.concatenate(
        [
            np.linspace(0, n, _BINS + 1)[:-1].astype(np.int64),
            np.searchsorted(x, np.linspace(0.0, 1.0, _EVEN + 1)[:-1]),
            steepest - away,
            steepest + away,
        ]
    )
    starts = np.unique(np.append(starts[(starts >= 0) & (starts < n)], 0))
    stops = np.append(starts[1:], n)
    low, high = x[starts], x[stops - 1]
    wide = high > low
    first = np.append(0, np.cumsum(1 + wide))[:-1]
    places = np.empty(int(starts.size + wide.sum()))
    places[first], places[(first + 1)[wide]] = low, high[wide]
    of = np.repeat(np.arange(starts.size), stops - starts)
    share = np.where(wide[of], (x - low[of]) / np.where(wide, high - low, 1.0)[of], 0.0)
    return Bins(places, first[of], first[of] + wide[of], share)


def _steepest(y: FloatArray) -> int:
    """Point before which the mean of some scores falls most to the mean of the next."""
    few = max(y.size // _BINS, _SINGLE)
    total = np.append(0.0, np.cumsum(y))
    middle = np.arange(few, y.size - few)
    before, after = total[middle] - total[middle - few], total[middle + few] - total[middle]
    return int(middle[(after - before).argmin()])


@dataclass(frozen=True, eq=False)
class Sums:
    """The lower root L, its band or the whole of it, with z, and the root of the rest."""

    diagonal: FloatArray
    below: FloatArray
    lower: FloatArray | None
    z: FloatArray
    rest: float

    def white(self, rows: FloatArray) -> FloatArray:
        """Rows (m, nodes) to rows (m, nodes + 1); the last entry is that of the rest."""
        out = np.zeros((rows.shape[0], rows.shape[1] + 1))
        if self.lower is not None:
            out[:, :-1] = rows @ self.lower
        else:
            np.multiply(rows, self.diagonal, out=out[:, :-1])
            out[:, :-2] += rows[:, 1:] * self.below
        return out

    @property
    def data(self) -> FloatArray:
        """What the data are in these coordinates."""
        return np.append(self.z, self.rest)


def sum_independent(bins: Bins, weights: FloatArray, y: FloatArray) -> Sums:
    """Sums over points whose errors are independent, of variances 1 / weights."""
    size, left, right = bins.places.size, 1.0 - bins.share, bins.share
    square = bins.sums(weights * left**2, weights * right**2)
    moment = bins.sums(weights * left * y, weights * right * y)
    cross = np.bincount(bins.left, weights=weights * left * right, minlength=size)
    # Nodes hang together in pairs: the root is a band that is written down at once.
    first = np.unique(bins.left[bins.right > bins.left])
    diagonal = np.sqrt(square)
    below = cross[first] / diagonal[first]
    alone = square[first + 1] - below**2
    diagonal[first + 1] = np.sqrt(np.maximum(alone, _RIDGE * square[first + 1]))
    z = moment / diagonal
    z[first + 1] = (moment[first + 1] - below * z[first]) / diagonal[first + 1]
    rest = float(weights @ (y * y) - z @ z)
    band = np.zeros(size - 1)
    band[first] = below
    return Sums(diagonal, band, None, z, np.sqrt(max(rest, 0.0)))


def sum_whitened(
    bins: Bins,
    groups: list[IntArray],
    white: Callable[[FloatArray, IntArray], FloatArray],
    y: FloatArray,
) -> Sums:
    """Sums over points that ``white`` makes independent, a group of them at a time."""
    size = bins.places.size
    gram, moment, total = np.zeros((size, size)), np.zeros(size), 0.0
    for points in groups:
        rows = white(np.vstack([bins.shares(points), y[points]]), points)
        gram += rows[:-1] @ rows[:-1].T
        moment += rows[:-1] @ rows[-1]
        total += float(rows[-1] @ rows[-1])
    gram[np.diag_indices(size)] *= 1.0 + _RIDGE
    lower = cholesky(gram, lower=True)
    z = solve_triangular(lower, moment, lower=True)
    nothing = np.zeros(0)
    rest = np.sqrt(max(total - float(z @ z), 0.0))
    return Sums(nothing, nothing, lower, z, rest)


def grouped(run: IntArray, nodes: int) -> list[IntArray]:
    """Points of whole runs, in groups that are whitened at once."""
    length = np.bincount(run)
    group = np.cumsum(length * nodes) // _ELEMENTS
    return [np.flatnonzero(group[run] == g) for g in np.unique(group)]
