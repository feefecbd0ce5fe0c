r"""Runs: how the errors of one run's checkpoints hang together.

.. math:: e_{rt} = w_{rt}\, o_r + a_{rt}, \quad a_{rt} = \rho\, a_{r,t-1} + \epsilon_{rt}

with Gaussian offsets :math:`o_r` and innovations :math:`\epsilon_{rt}`, t the order of tokens.
Errors are scaled to one variance, by w: an offset is constant in the score, so not in them.
Estimated by restricted maximum likelihood (Patterson & Thompson 1971, Biometrika 58, 545);
every fit then works on whitened rows, in which the errors are independent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emergence._typing import BoolArray, FloatArray, IntArray

# Grids of the likelihood over (rho, ratio of offset to innovation variance).
_RHO = np.append(0.0, np.linspace(0.05, 0.98, 24))
_RATIO = np.append(0.0, np.geomspace(1e-3, 1e4, 33))
_BLOCK_ELEMENTS = 32768  # of the rows whitened at once: they stay in a core's cache
_SMALL = 100  # points that are whitened by a matrix, in one call


@dataclass(frozen=True)
class RunNoise:
    """Random offset per run plus first-order autoregression in the order of tokens.

    ``offset_var`` and ``innovation_var`` are variances, ``rho`` the autocorrelation.
    """

    offset_var: float
    innovation_var: float
    rho: float

    @property
    def at_edge(self) -> str:
        """Which estimate lies at the end of its range, in words; empty where none does."""
        if self.rho >= _RHO[-1]:
            return f"the autocorrelation of a run's errors is at the end of its range, {self.rho:g}"
        if self.offset_var >= _RATIO[-1] * self.innovation_var > 0.0:
            return "the offsets of runs are at the end of their range beside their other errors"
        return ""

    def simulate(
        self, run: IntArray, rank: IntArray, size: int, rng: np.random.Generator
    ) -> FloatArray:
        """Draw ``size`` columns of errors, shape (n, size)."""
        out = np.empty((run.size, size))
        for r in range(int(run.max()) + 1):
            rows = np.flatnonzero(run == r)
            rows = rows[np.argsort(rank[rows])]
            z = rng.standard_normal((rows.size, size)) * np.sqrt(self.innovation_var)
            # A run begins in the middle of its own noise: the first error is a stationary one.
            z[0] /= np.sqrt(1.0 - self.rho**2)
            for t in range(1, rows.size):
                z[t] += self.rho * z[t - 1]
            z += rng.standard_normal(size) * np.sqrt(self.offset_var)
            out[rows] = z
        return out

    def whitening(self, run: IntArray, rank: IntArray, root_w: FloatArray) -> Whitening:
        """Return the transformation that makes such errors independent, of variance one.

        ``root_w`` (n,) is how an offset of one shows in each error.
        """
        chain = _chain(run, rank)
        ratio = self.offset_var / self.innovation_var if self.innovation_var > 0 else 0.0
        lag, head = _ar1(chain, np.array([self.rho]))
        ones = _differenced(root_w[chain.order], lag) * head
        length = np.add.reduceat(ones[0] ** 2, chain.start)
        # (I + r u u')^(-1/2) = I - (1 - 1 / sqrt(1 + r u'u)) u u' / u'u.
        shrink = (1.0 - 1.0 / np.sqrt(1.0 + ratio * length)) / length
        log_det = float(np.log1p(ratio * length).sum() - 2.0 * np.log(head).sum())
        return Whitening(chain, lag[0], head[0], ones[0], shrink=shrink, log_det=log_det)


@dataclass(frozen=True, eq=False)
class Chain:
    """Points in the order of run and rank: ``order``, whether first of a run, starts, gaps."""

    order: IntArray
    first: BoolArray
    start: IntArray
    gap: IntArray


def _chain(run: IntArray, rank: IntArray) -> Chain:
    order = np.lexsort((rank, run))
    r, t = run[order], rank[order]
    first = np.append(True, r[1:] != r[:-1])
    gap = np.where(first, 0, np.append(0, np.diff(t)))
    return Chain(order, first, np.flatnonzero(first), gap)


def _ar1(chain: Chain, rho: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weight of the point before, and factor to unit variance, shapes (rho, n)."""
    lag = np.where(chain.first, 0.0, rho[:, None] ** chain.gap)
    # The variance given a point ``gap`` steps before, in units of the innovations.
    rest = (1.0 - lag**2) / (1.0 - rho[:, None] ** 2)
    return lag, 1.0 / np.sqrt(rest)


@dataclass(frozen=True, eq=False)
class Whitening:
    """Linear map to independent errors: difference along a run, then shrink its offset.

    With A the autoregressive differencing and u = A w, the rest of the covariance is
    I + ratio u u' in every run, whose inverse root is I - shrink u u'.  ``log_det`` is the
    logarithm of its determinant, innovations of variance one.
    """

    chain: Chain
    lag: FloatArray
    head: FloatArray
    ones: FloatArray
    shrink: FloatArray
    log_det: float

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Whiten rows of shape (m, n); entry i of the result is the innovation of point i."""
        if rows.shape[1] <= _SMALL:
            return rows @ self._matrix
        return self._white(rows)

    @cached_property
    def _matrix(self) -> FloatArray:
        return self._white(np.eye(self.chain.order.size))

    def _white(self, rows: FloatArray) -> FloatArray:
        out = np.empty_like(rows)
        step = max(1, _BLOCK_ELEMENTS // rows.shape[1])
        length = np.diff(np.append(self.chain.start, self.chain.order.size))
        for start in range(0, rows.shape[0], step):
            e = rows[start : start + step, self.chain.order]
            white = e.copy()
            white[:, 1:] -= self.lag[1:] * e[:, :-1]
            white *= self.head
            along = np.add.reduceat(white * self.ones, self.chain.start, axis=1) * self.shrink
            white -= np.repeat(along, length, axis=1) * self.ones
            out[start : start + step, self.chain.order] = white
        return out


def _differenced(rows: FloatArray, lag: FloatArray) -> FloatArray:
    """Rows (..., n) in the order of a chain, each less its predictor from the point before."""
    before = np.zeros_like(rows)
    before[..., 1:] = rows[..., :-1]
    return rows - lag * before


def fit_run_noise(
    residual: FloatArray,
    run: IntArray,
    rank: IntArray,
    design: FloatArray,
    root_w: FloatArray,
    *,
    ar1: bool = True,
) -> RunNoise:
    """Restricted maximum likelihood over a grid of (rho, offset ratio).

    ``residual`` (n,) are those of a fit, ``run`` codes 0, 1, ..., ``rank`` the position of each
    point inside its run; ``design`` (q, n) the directions that the fit has used up, derivatives of
    the curve; ``root_w`` (n,) how an offset of one shows in each error. With ``ar1`` errors follow
    each other; else there are offsets alone.
    """
    # A level that all runs share is the curve's, not a variance between them.
    design = directions(np.concatenate([design, root_w[None]]))
    chain = _chain(run, rank)
    rho = _RHO if ar1 else _RHO[:1]
    # The offset of a single run is one with the curve.
    ratio = _RATIO if chain.start.size > 1 else _RATIO[:1]
    z = np.concatenate([design, residual[None]])[:, chain.order]
    lag, head = _ar1(chain, rho)
    white = _differenced(z, lag[:, None]) * head[:, None]  # (rho, q + 1, n)
    ones = _differenced(root_w[chain.order], lag) * head
    cross = white @ white.transpose(0, 2, 1)
    along = np.add.reduceat(white * ones[:, None], chain.start, axis=2)  # (rho, q + 1, runs)
    length = np.add.reduceat(ones**2, chain.start, axis=1)  # (rho, runs)
    # Offsets by Sherman and Morrison: (I + r u u')^-1 = I - r / (1 + r u'u) u u'.
    weight = ratio[:, None, None] / (1.0 + ratio[:, None, None] * length)
    moments = cross - (weight[:, :, None] * along) @ along.transpose(0, 2, 1)
    # To a common size: the derivatives of a curve may differ by orders of magnitude.
    scale = np.sqrt(np.einsum("ii->i", moments[0, 0]))
    moments /= np.where(scale > 0, scale, 1.0) * np.where(scale > 0, scale, 1.0)[:, None]
    # |X'V^-1 X| x rss = |(X, e)'V^-1 (X, e)|: one determinant gives the residual.
    whole, used = _logdet(moments), _logdet(moments[..., :-1, :-1])
    rss = np.exp(whole - used) * scale[-1] ** 2
    dof = max(residual.size - design.shape[0], 1)
    logdet = np.log1p(ratio[:, None, None] * length).sum(axis=2) - 2 * np.log(head).sum(axis=1)
    # Restricted: the likelihood of what is left once the curve has had its directions, for else
    # a flexible curve would pass for small errors.
    deviance = dof * np.log(np.maximum(rss, 1e-300)) + logdet + used
    i, j = np.unravel_index(int(deviance.argmin()), deviance.shape)
    sigma2 = float(rss[i, j]) / dof
    return RunNoise(float(ratio[i]) * sigma2, sigma2, float(rho[j]))


def directions(design: FloatArray) -> FloatArray:
    """Orthonormal rows that span those of a design, whatever their units."""
    length = np.sqrt(np.einsum("ij,ij->i", design, design))
    known = length > 0
    _, size, rows = np.linalg.svd(design[known] / length[known, None], full_matrices=False)
    spanned: FloatArray = rows[size > 1e-6 * size.max(initial=0.0)]
    return spanned


def _logdet(matrices: FloatArray) -> FloatArray:
    """Log determinants, a little ridge keeping directions that coincide from minus infinity."""
    q = matrices.shape[-1]
    if q == 0:
        return np.zeros(matrices.shape[:-2])
    value: FloatArray = np.linalg.slogdet(matrices + 1e-12 * np.eye(q))[1]
    return value
