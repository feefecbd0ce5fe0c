"""Residuals: how large they are whatever their tails, and whether they have an order."""

import numpy as np

from emergence._typing import FloatArray

# Standard deviation of a normal error over its median absolute value.
NORMAL = 1.4826
_EXACT = 1e-5  # of the scores, which nobody knows to five digits


def exact(residual: FloatArray, scores: FloatArray) -> bool:
    """Whether a curve passes through all scores: then its residuals are those of its search."""
    return bool(np.abs(residual).max() <= _EXACT * np.abs(scores).max())


def robust_sd(residual: FloatArray) -> float:
    """Standard deviation by the median absolute value, which a few large ones do not move."""
    return NORMAL * float(np.median(np.abs(residual)))


def order_in(residual: FloatArray) -> float:
    r"""Lag-1 correlation of residuals in their order times :math:`\sqrt n`; about normal."""
    r = residual - residual.mean()
    total = float(r @ r)
    return float(r[1:] @ r[:-1]) / total * np.sqrt(r.size) if total > 0 else 0.0
