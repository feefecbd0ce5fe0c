r"""Exact search for the kink of a hinge, for one data set or for thousands at once.

The hinge is ``y = plateau + slope * max(eta - x, 0)``.  Between two neighbouring
losses the set of points below the kink does not change, so the best kink there
has a closed form in cumulative sums (Hudson 1966, J. Am. Stat. Assoc. 61, 1097).
Looking at every interval gives the global optimum in O(n) after a sort.  Bootstrap
replicates are rows of the same arrays: a resampled data set is a row of counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from emergence._typing import AnyArray, FloatArray, IntArray

# Rows are taken in blocks of about this many elements: the dozen temporaries of
# one block then stay in a core's own cache, which doubles the speed at n = 5,000.
_BLOCK_ELEMENTS = 8192
_INDEX_ELEMENTS = 4_000_000


@dataclass(frozen=True)
class HingeBatch:
    """Best hinges of a batch: one entry per data set.

    ``gain`` is the weighted sum of squares explained beyond a zero (or, with a
    fitted plateau, constant) curve.  Where no increasing hinge explains anything,
    ``gain`` and ``slope`` are 0 and ``eta`` is the smallest loss.
    """

    eta: FloatArray
    slope: FloatArray
    plateau: FloatArray
    gain: FloatArray


def search_hinge(
    x: FloatArray, y: FloatArray, w: AnyArray | None = None, *, fit_plateau: bool = False
) -> HingeBatch:
    """Find the least-squares hinge of every row by exact search.

    ``x`` (n,) are losses in ascending order, ties allowed; ``y`` abilities, zero at chance, (n,) or
    one row (b, n) for each data set; ``w`` non-negative weights of either shape, such as bootstrap
    counts. ``fit_plateau`` estimates the level above the kink instead of taking it as zero.
    """
    y2 = np.atleast_2d(np.asarray(y, dtype=float))
    w2 = np.ones((1, x.size)) if w is None else np.atleast_2d(np.asarray(w))
    rows = max(y2.shape[0], w2.shape[0])
    kernel = _search_free if fit_plateau else _search_known
    step = max(1, _BLOCK_ELEMENTS // x.size)
    out = np.empty((4, rows))
    shift = float(x.mean())  # centring keeps the cumulative sums well conditioned
    for start in range(0, rows, step):
        block = slice(start, start + step)
        yb = y2 if y2.shape[0] == 1 else y2[block]
        wb = w2 if w2.shape[0] == 1 else w2[block]
        out[:, block] = kernel(x - shift, yb, wb)
    return HingeBatch(eta=out[0] + shift, slope=out[1], plateau=out[2], gain=out[3])


def _search_known(x: FloatArray, y: FloatArray, w: AnyArray) -> FloatArray:
    """Return (eta, slope, plateau = 0, gain) for a plateau known to be zero."""
    # With d = eta - x for the points below a kink eta, the hinge explains num^2 / den, where num =
    # sum(w y d) and den = sum(w d^2).
    s0 = np.cumsum(w, axis=1)  # stays whole for counts, which is four times faster
    w = w.astype(float)
    wy = w * y
    sx, sxx = _running_sums(w, x, x * x)
    sy, sxy = _running_sums(wy, None, x)
    lever = x * s0
    lever -= sx
    den = lever - sx
    den *= x
    den += sxx
    num = x * sy
    num -= sxy
    # Sign of the derivative in eta: ``rise`` just above the kink x_k, ``rise - wy den``
    # just below it.  A best kink between the data lies where it turns from + to -.
    rise = sy * den
    lever = lever * num
    rise -= lever
    turn = rise[:, 1:] < wy[:, 1:] * den[:, 1:]
    turn &= rise[:, :-1] > 0
    row, k = np.divmod(np.flatnonzero(turn), x.size - 1)
    # Kink on the data.  The floor of the denominator is of rounding size: it matters
    # only where all points below share one loss, and there num is 0 as well.
    np.maximum(num, 0.0, out=num)
    edge = num * num
    floor = 1e-13 * sxx[:, -1:] + 1e-300
    edge /= np.maximum(den, floor, out=den)
    best = edge.argmax(axis=1)
    pick = np.arange(best.size)
    gain, eta = edge[pick, best], x[best]
    slope = num[pick, best] / den[pick % den.shape[0], best]
    # Kink between the data: the free line through the points below crosses zero at p / q.
    rw = row % s0.shape[0]
    n, mx, vx, my, vxy = s0[rw, k], sx[rw, k], sxx[rw, k], sy[row, k], sxy[row, k]
    det, p, q = n * vx - mx * mx, vx * my - mx * vxy, mx * my - n * vxy
    ok = (det > 1e-13 * n * vx) & (p > x[k] * q) & (p < x[k + 1] * q)
    line = np.full(row.size, -np.inf)
    line[ok] = ((my * p + vxy * (n * vxy - mx * my)) / np.where(ok, det, 1.0))[ok]
    r, j = _row_maximum(line, row, gain)
    gain[r], eta[r], slope[r] = line[j], p[j] / q[j], q[j] / det[j]
    return np.stack([np.where(gain > 0, eta, x[0]), slope, np.zeros_like(eta), gain])


def _running_sums(
    w: FloatArray, a: FloatArray | None, b: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Cumulative sums of w a and w b (a = None: of w) along the last axis."""
    # A running sum waits for each addition to finish, so two of them as the parts of one complex
    # sum cost no more than one.
    pair = np.empty(w.shape, dtype=complex)
    if a is None:
        pair.real = w
    else:
        np.multiply(w, a, out=pair.real)
    np.multiply(w, b, out=pair.imag)
    np.cumsum(pair, axis=1, out=pair)
    return pair.real, pair.imag


def _row_maximum(value: FloatArray, row: IntArray, floor: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows whose best candidate beats the row's floor, and that candidate's position."""
    order = np.lexsort((value, row))
    last = np.append(np.diff(row[order]) != 0, np.ones(min(row.size, 1), dtype=bool))
    keep = order[last]
    keep = keep[value[keep] > floor[row[keep]]]
    return row[keep], keep


def _search_free(x: FloatArray, y: FloatArray, w: AnyArray) -> FloatArray:
    """Return (eta, slope, plateau, gain over a constant) with the plateau fitted."""
    w = np.broadcast_to(w, (max(w.shape[0], y.shape[0]), x.size)).astype(float)
    total = w.sum(axis=1, keepdims=True)
    y = y - (w * y).sum(axis=1, keepdims=True) / total  # gain is then over a constant
    wy = w * y
    s0 = np.cumsum(w, axis=1)
    sx, sxx = _running_sums(w, x, x * x)
    sy, sxy = _running_sums(wy, None, x)
    # Kink on the data: d = max(x_k - x, 0) centred at its weighted mean.
    d1 = x * s0 - sx
    dd = x * (x * s0 - 2.0 * sx) + sxx - d1 * d1 / total
    dy = np.maximum(x * sy - sxy, 0.0)
    ok = dd > 1e-13 * (sxx[:, -1:] + 1e-300)
    edge = np.where(ok, dy * dy / np.where(ok, dd, 1.0), 0.0)
    best = edge.argmax(axis=1)
    pick = np.arange(best.size)
    gain, eta = edge[pick, best].copy(), x[best].copy()
    slope = np.where(gain > 0, dy[pick, best] / np.where(gain > 0, dd[pick, best], 1.0), 0.0)
    # Kink between the data: free line below, free constant above, meeting in between.
    det = s0 * sxx - sx * sx
    ok = det > 1e-13 * s0 * sxx
    safe = np.where(ok, det, 1.0)
    fall = (sx * sy - s0 * sxy) / safe  # minus the slope in x
    level = (sxx * sy - sx * sxy) / safe
    rest = total - s0
    above = np.where(rest > 0, -sy / np.where(rest > 0, rest, 1.0), 0.0)  # sums of y are 0
    cross = (level - above) / np.where(fall > 0, fall, 1.0)
    inside = ok & (fall > 0) & (rest > 0)
    inside[:, :-1] &= (cross[:, :-1] > x[:-1]) & (cross[:, :-1] < x[1:])
    inside[:, -1] = False
    line = level * sy - fall * sxy + above * above * rest
    row, k = np.nonzero(inside)
    r, j = _row_maximum(line[row, k], row, gain)
    gain[r], eta[r], slope[r] = line[r, k[j]], cross[r, k[j]], fall[r, k[j]]
    eta = np.where(gain > 0, eta, x[0])
    return np.stack([eta, slope, _plateau(x, y, w, eta, slope), gain])


def _plateau(
    x: FloatArray, y: FloatArray, w: FloatArray, eta: FloatArray, slope: FloatArray
) -> FloatArray:
    """Level above the kink, relative to the weighted mean, given kink and slope."""
    d = np.maximum(eta[:, None] - x, 0.0)
    level: FloatArray = (w * (y - slope[:, None] * d)).sum(axis=1) / w.sum(axis=1)
    return level


@cache
def _kernel() -> Callable[..., FloatArray] | None:
    """Return the compiled kernel, or None where numba is missing."""
    try:
        from emergence.engine.kernel import pairs_known
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
    """Exact hinge of every pairs-bootstrap replicate (Efron 1979)."""
    # A replicate of sorted data is a row of counts, so it needs no second sort. Where numba is
    # installed and the plateau known, a compiled kernel does the same.
    kernel = None if fit_plateau else _kernel()
    if kernel is not None:
        weights = np.ones(x.size) if w is None else w
        return _compiled(kernel, x, y, weights, n_boot=n_boot, rng=rng)
    n = x.size
    step = max(1, _BLOCK_ELEMENTS // n)
    offset = np.arange(step)[:, None] * n
    parts: list[HingeBatch] = []
    for start in range(0, n_boot, step):
        rows = min(step, n_boot - start)
        index = rng.integers(0, n, (rows, n))
        index += offset[:rows]
        count = np.bincount(index.ravel(), minlength=rows * n).reshape(rows, n)
        counted: AnyArray = count if w is None else count * w
        parts.append(search_hinge(x, y, counted, fit_plateau=fit_plateau))
    return HingeBatch(
        *(np.concatenate([getattr(p, f) for p in parts]) for f in HingeBatch.__match_args__)
    )


def _compiled(
    kernel: Callable[..., FloatArray],
    x: FloatArray,
    y: FloatArray,
    w: FloatArray,
    *,
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
