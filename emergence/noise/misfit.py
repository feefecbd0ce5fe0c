"""Misfit: signs that no curve of the shapes fitted describes the points.

Where errors are independent the residuals of a curve that fits have no order along the loss, and
no second bend would take much of them away.
"""

import numpy as np

from emergence._residuals import order_in
from emergence._typing import FloatArray
from emergence.noise.runs import directions

# Lag-1 correlation of residuals along the loss, in standard errors.
_AGREE = 2.0
# Squared error that a second bend, the best of all places, takes away, in error variances.
_BEND = 14.0


def second_bend(residual: FloatArray, design: FloatArray, bends: FloatArray) -> tuple[int, float]:
    """Row of ``bends`` that explains most of a residual, and how many error variances that is.

    ``design`` (k, n) holds the derivatives of the fitted curve by its parameters: what they could
    explain is no sign of anything (a score test).  All rows are whitened.
    """
    known = directions(design)
    left = bends - (bends @ known.T) @ known
    square = np.einsum("ij,ij->i", left, left)
    whole = np.einsum("ij,ij->i", bends, bends)
    new = square > 1e-6 * np.maximum(whole, 1e-300)
    variance = float(residual @ residual) / max(residual.size - len(known), 1)
    gain = np.square(left @ residual) / np.where(new, square, np.inf) / max(variance, 1e-300)
    best = int(gain.argmax())
    return best, float(gain[best])


def leverage(design: FloatArray) -> FloatArray:
    """How far each fitted value follows its own observation, 0 to 1 (the hat matrix's diagonal)."""
    return np.asarray(np.square(directions(design)).sum(axis=0))


def signs(
    residual: FloatArray, design: FloatArray, bends: FloatArray, losses: FloatArray
) -> tuple[str, ...]:
    """Warnings for one fit; ``losses`` are the places of the ``bends``."""
    out = []
    if order_in(residual) > _AGREE:
        out.append(
            "neighbours along the loss are off to the same side: no shape fits, and no interval "
            "allows for that"
        )
    place, gain = second_bend(residual, design, bends)
    if gain > _BEND:
        out.append(
            f"the curve bends again near a loss of {losses[place]:.3g}: a second wave, or a "
            "gentle foot before a steeper rise; no shape fits, and an eta is that of one bend"
        )
    return tuple(out)
