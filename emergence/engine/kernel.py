"""Compiled kernel of the hinge bootstrap; needs numba (the extra ``fast``).

The arithmetic is that of :mod:`emergence.engine.hinge_search`, one replicate after the other
instead of one step after the other for a block: nothing is stored, so nothing waits for memory.
"""

import numpy as np
from numba import njit

from emergence._typing import FloatArray, IntArray

# Denominators below this share of their terms are rounding, as in the search.
_ROUNDING = 1e-13


@njit(cache=True, nogil=True)
def pairs_known(x: FloatArray, y: FloatArray, w: FloatArray, index: IntArray) -> FloatArray:
    """Best hinges (eta, slope, gain) of resampled data, shape (3, replicates).

    ``x`` ascending and centred, ``y`` zero on the plateau, ``index`` (replicates, n) the points
    drawn.
    """
    replicates, n = index.shape
    out = np.zeros((3, replicates))
    count = np.zeros(n)
    for r in range(replicates):
        count[:] = 0.0
        for j in range(n):
            count[index[r, j]] += 1.0
        whole = 0.0
        for k in range(n):
            whole += count[k] * w[k] * x[k] * x[k]
        floor = _ROUNDING * whole + 1e-300
        s0 = sx = sxx = sy = sxy = 0.0
        top, low, eta, slope = 0.0, 1.0, x[0], 0.0  # best gain as a ratio top / low
        for k in range(n):
            xk = x[k]
            if count[k] > 0.0:
                c = count[k] * w[k]
                cx, cy = c * xk, c * y[k]
                s0 += c
                sx += cx
                sxx += cx * xk
                sy += cy
                sxy += cy * xk
            # Kink on this loss.
            num = xk * sy - sxy
            den = max(xk * (xk * s0 - 2.0 * sx) + sxx, floor)
            if num > 0.0 and num * num * low > top * den:
                top, low, eta, slope = num * num, den, xk, num / den
            # Kink between this loss and the next, where the free line below crosses zero.
            q = sx * sy - s0 * sxy
            if k + 1 < n and q > 0.0:
                p = sxx * sy - sx * sxy
                if p > xk * q and p < x[k + 1] * q:
                    det = s0 * sxx - sx * sx
                    line = sy * p + sxy * (s0 * sxy - sx * sy)
                    if det > _ROUNDING * s0 * sxx and line * low > top * det:
                        top, low, eta, slope = line, det, p / q, q / det
        out[0, r], out[1, r], out[2, r] = eta, slope, top / low
    return out
