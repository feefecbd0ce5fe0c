"""Replicates: new data sets that share a fitted curve, one column each.

Randomness is fixed once, as a table of draws; every hypothesis tested on a data set uses
the same table.  The answers for neighbouring hypotheses are then comparable, and depend on
the seed alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emergence._random import Stream, child
from emergence._typing import FloatArray, IntArray
from emergence.engine.problem import Problem

_NO_ERROR = 0.03  # of the largest standard deviation: as good as none


class ErrorSource(Protocol):
    """Turns the residuals of a fit into (n, size) columns of simulated errors."""

    def errors(self, residual: FloatArray, n_fitted: int, scale: FloatArray) -> FloatArray:
        """Columns of errors for whitened residuals of a fit with ``n_fitted`` parameters.

        ``scale`` is how large the errors are under that fit, relative to each other; points
        where there are none say nothing of the others.
        """
        ...


@dataclass(frozen=True, eq=False)
class ResampledErrors:
    """Residuals drawn with replacement, centred and corrected for the fitted parameters.

    ``x`` holds the places of the points: errors may grow or shrink along them.
    """

    index: IntArray
    x: FloatArray

    def errors(self, residual: FloatArray, n_fitted: int, scale: FloatArray) -> FloatArray:
        """See :class:`ErrorSource`."""
        there = scale > _NO_ERROR
        if not there.any():
            return np.zeros(self.index.shape)
        scale = scale * np.where(
            there, trend_scale(self.x, residual / np.where(there, scale, 1)), 1
        )
        pool = residual[there] / scale[there]
        k = pool.size
        # Residuals are smaller than errors by what the fitted parameters have used up.
        pool = (pool - pool.mean()) * np.sqrt(k / max(k - n_fitted, 1))
        # The draws are places among all points; the pool may hold fewer.
        return scale[:, None] * pool[self.index * k // residual.size]


@dataclass(frozen=True, eq=False)
class GaussianErrors:
    """Standard normal draws, scaled by the size of the residuals along the loss axis."""

    # For data with runs, whose covariance the whitening has taken out.
    table: FloatArray

    def errors(self, residual: FloatArray, n_fitted: int, scale: FloatArray) -> FloatArray:
        """See :class:`ErrorSource`."""
        there = scale > _NO_ERROR
        if not there.any():
            return np.zeros(self.table.shape)
        known = residual[there] / scale[there]
        sd = np.sqrt(float(known @ known) / max(known.size - n_fitted, 1))
        local = np.zeros(residual.size)
        local[there] = local_scale(known)
        return self.table * (sd * local * scale)[:, None]


@dataclass(frozen=True, eq=False)
class SummedErrors:
    """Errors of sums over bins: standard normal draws, and what is left over inside the bins.

    ``inside`` holds the root mean square of the latter, relative to what it is expected to be;
    ``n`` is the number of points; ``local`` gives the size of the errors along the loss axis.
    """

    table: FloatArray
    inside: FloatArray
    x: FloatArray
    n: int
    local: Callable[[FloatArray, FloatArray], FloatArray]

    def errors(self, residual: FloatArray, n_fitted: int, scale: FloatArray) -> FloatArray:
        """See :class:`ErrorSource`."""
        there = scale[:-1] > _NO_ERROR
        if not there.any():
            return np.zeros((residual.size, self.inside.size))
        sd = np.sqrt(float(residual @ residual) / max(self.n - n_fitted, 1))
        own = np.where(there, scale[:-1], 0.0)
        own *= self.local(self.x, residual[:-1] / np.where(there, scale[:-1], 1.0))
        # All together as large as the residuals are, whatever their size along the losses.
        own *= sd / np.sqrt(np.mean(np.square(own)))
        rest = sd * np.sqrt(self.n - own.size) * self.inside
        return np.concatenate([own[:, None] * self.table, rest[None]])


def trend_scale(x: FloatArray, residual: FloatArray) -> FloatArray:
    r"""Relative size of the errors along the loss, :math:`e^{b (x - \bar x) / 2}`.

    b is the slope of the logarithm of their squares, which for normal errors has a variance of
    :math:`\pi^2 / 2` a point (Harvey 1976, Econometrica 44, 461).  It is shrunk by four of its own
    variances over its square, so that it is zero unless it is clear of noise.
    """
    known = np.square(residual) > 1e-8 * float(np.mean(np.square(residual)))
    if known.sum() < 10:
        return np.ones(x.size)
    place, log_square = x - x[known].mean(), np.log(np.square(residual[known]))
    spread = float(np.square(place[known]).sum())
    slope = float(place[known] @ log_square) / max(spread, 1e-300)
    variance = 0.5 * np.pi**2 / max(spread, 1e-300)
    slope *= max(0.0, 1.0 - 4.0 * variance / max(slope**2, 1e-300))
    return np.asarray(np.exp(0.5 * slope * place))


def local_scale(residual: FloatArray) -> FloatArray:
    """Relative size of the residuals along the loss axis: a running root mean square."""
    # Where runs leave the plateau at slightly different losses the errors around a common curve are
    # largest near the onset; equal variance everywhere would understate them there.
    n = residual.size
    window = min(n, max(15, n // 8))
    padded = np.pad(residual**2, window // 2, mode="reflect")
    mean = np.convolve(padded, np.full(window, 1.0 / window), mode="valid")[:n]
    scale: FloatArray = np.sqrt(mean / max(float((residual**2).mean()), 1e-300))
    return scale


def _local_scale(_: FloatArray, residual: FloatArray) -> FloatArray:
    return local_scale(residual)


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """How replicates of one problem are drawn: from its residuals, or Gaussian with runs."""

    problem: Problem
    seed: np.random.SeedSequence

    def source(self, size: int, stream: Stream, *key: int) -> ErrorSource:
        """Fix the draws of ``size`` replicates for one purpose."""
        rng = child(self.seed, stream, *key)
        problem, n = self.problem, self.problem.n
        if problem is not problem.whole:
            table, inside = rng.standard_normal((size, problem.x.size)).T, n - problem.x.size
            left = np.sqrt(rng.chisquare(inside, size) / inside)
            local = trend_scale if problem.whole.run is None else _local_scale
            return SummedErrors(table, left, problem.x, n, local)
        if problem.run is None:
            return ResampledErrors(rng.integers(0, n, (size, n)).T, problem.x)
        return GaussianErrors(rng.standard_normal((size, n)).T)


def replicas(
    problem: Problem, ability: FloatArray, n_fitted: int, source: ErrorSource
) -> FloatArray:
    """Whitened data sets (n, size) that share a fitted curve, given as its ability."""
    mu = problem.white(ability[None])[0]
    return mu[:, None] + source.errors(problem.wy - mu, n_fitted, problem.error_scale(ability))
