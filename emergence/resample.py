"""Resampling: new data sets that share a fitted curve, one column each.

Randomness is fixed once, as a table of draws; every hypothesis tested on a data set uses
the same table.  The answers for neighbouring hypotheses are then comparable, and depend on
the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeAlias

import numpy as np

from emergence._typing import AnyArray, FloatArray, IntArray
from emergence.errors import DataError
from emergence.problem import Problem
from emergence.search import HingeBatch, search_hinge

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None

_BLOCK_ELEMENTS = 8192  # as in the search: keep a block in a core's own cache
_INDEX_ELEMENTS = 4_000_000
_NO_ERROR = 0.03  # of the largest standard deviation: as good as none


def as_seed(rng: Seed) -> np.random.SeedSequence:
    """Turn int, SeedSequence, Generator or None (fresh entropy) into a SeedSequence."""
    if isinstance(rng, np.random.SeedSequence):
        # A fresh one with the same key: spawning must not depend on earlier calls.
        return np.random.SeedSequence(rng.entropy, spawn_key=rng.spawn_key)
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(rng.integers(0, 2**32, 8).tolist())
    if rng is not None and rng < 0:
        raise DataError(f"the seed (rng) is {rng}; it must not be negative")
    return np.random.SeedSequence(rng)


def child(seed: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Generator for one purpose, independent of those for all other purposes."""
    sequence = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))
    return np.random.default_rng(sequence)


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
    """Residuals drawn with replacement, centred and corrected for the fitted parameters."""

    index: IntArray

    def errors(self, residual: FloatArray, n_fitted: int, scale: FloatArray) -> FloatArray:
        """See :class:`ErrorSource`."""
        there = scale > _NO_ERROR
        if not there.any():
            return np.zeros(self.index.shape)
        pool = residual[there] / scale[there]
        k = pool.size
        pool = (pool - pool.mean()) * np.sqrt(k / max(k - n_fitted, 1))
        return scale[:, None] * pool[self.index * k // residual.size]


@dataclass(frozen=True, eq=False)
class GaussianErrors:
    """Standard normal draws, scaled by the size of the residuals along the loss axis.

    For data with runs, whose covariance the whitening has taken out.
    """

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


def local_scale(residual: FloatArray) -> FloatArray:
    """Relative size of the residuals along the loss axis: a running root mean square.

    Where runs leave the plateau at slightly different losses the errors around a common
    curve are largest near the onset; equal variance everywhere would understate them there.
    """
    n = residual.size
    window = min(n, max(15, n // 8))
    padded = np.pad(residual**2, window // 2, mode="reflect")
    mean = np.convolve(padded, np.full(window, 1.0 / window), mode="valid")[:n]
    scale: FloatArray = np.sqrt(mean / max(float((residual**2).mean()), 1e-300))
    return scale


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """How replicates of one problem are drawn: from its residuals, or Gaussian with runs."""

    problem: Problem
    seed: np.random.SeedSequence

    def source(self, size: int, *stream: int) -> ErrorSource:
        """Fix the draws of ``size`` replicates for one purpose."""
        rng = child(self.seed, *stream)
        n = self.problem.n
        if self.problem.run is None:
            return ResampledErrors(rng.integers(0, n, (size, n)).T)
        return GaussianErrors(rng.standard_normal((size, n)).T)


def replicas(
    problem: Problem, ability: FloatArray, n_fitted: int, source: ErrorSource
) -> FloatArray:
    """Whitened data sets (n, size) that share a fitted curve, given as its ability."""
    mu = problem.white(ability[None])[0]
    return mu[:, None] + source.errors(problem.wy - mu, n_fitted, problem.error_scale(ability))


@cache
def _kernel() -> Callable[..., FloatArray] | None:
    """Return the compiled kernel, or None where numba is missing."""
    try:
        from emergence.kernel import pairs_known
    except ImportError:
        return None
    return pairs_known


def pairs_hinge(
    x: FloatArray,
    y: FloatArray,
    n_boot: int,
    rng: np.random.Generator,
    w: FloatArray | None = None,
    *,
    fit_plateau: bool = False,
) -> HingeBatch:
    """Exact hinge of every pairs-bootstrap replicate (Efron 1979).

    A replicate of sorted data is a row of counts, so it needs no second sort.  Where numba is
    installed and the plateau known, a compiled kernel does the same.
    """
    kernel = None if fit_plateau else _kernel()
    if kernel is not None:
        return _compiled(kernel, x, y, np.ones(x.size) if w is None else w, n_boot, rng)
    n = x.size
    step = max(1, _BLOCK_ELEMENTS // n)
    offset = np.arange(step)[:, None] * n
    parts: list[HingeBatch] = []
    for start in range(0, n_boot, step):
        rows = min(step, n_boot - start)
        index = rng.integers(0, n, (rows, n))
        index += offset[:rows]
        count = np.bincount(index.ravel(), minlength=rows * n).reshape(rows, n)
        weights: AnyArray = count if w is None else count * w
        parts.append(search_hinge(x, y, weights, fit_plateau=fit_plateau))
    return HingeBatch(
        *(np.concatenate([getattr(p, f) for p in parts]) for f in HingeBatch.__match_args__)
    )


def _compiled(
    kernel: Callable[..., FloatArray],
    x: FloatArray,
    y: FloatArray,
    w: FloatArray,
    n_boot: int,
    rng: np.random.Generator,
) -> HingeBatch:
    """:func:`pairs_hinge` by the compiled kernel, the indices in blocks of bounded size."""
    n, shift = x.size, float(x.mean())
    step = max(1, _INDEX_ELEMENTS // n)
    parts = [
        kernel(x - shift, y, w, rng.integers(0, n, (min(step, n_boot - start), n)))
        for start in range(0, n_boot, step)
    ]
    eta, slope, gain = np.concatenate(parts, axis=1)
    return HingeBatch(eta + shift, slope, np.zeros(n_boot), gain)
