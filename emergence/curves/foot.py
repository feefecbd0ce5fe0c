r"""Foot: how sudden the beginning of a rise is, a property that every curve has.

Over the losses seen, from L_low to L_high, a falling curve h gains h(L_low) - h(L_high).  Let
:math:`x_q` be the highest loss at which it has made the share q of that gain.  Then

.. math:: P = L_{high} - x_{.05},\quad F = x_{.05} - x_{.25},\quad R = x_{.05} - L_{low},\quad
    \rho = \frac{F}{\min(P, 2R)}:

the plateau, the foot (how long the gain takes from 5% to 25%), the rise, and how long the foot is
beside them.  :math:`\rho` is free of the units of loss and score, of floor and amplitude.  A jump
has 0, a kink in the middle of the losses about .1, a logistic there .3 to .5, a straight line 4;
the bound of 2R keeps an exponential, whose plateau has no end, above .26.
"""

from typing import NamedTuple

import numpy as np

from emergence._typing import FloatArray
from emergence.curves.family import Basis, Family

SHARES = (0.05, 0.25, 0.5)
_BITS = 12  # cells of 1 / 4096 of the losses seen, in which a curve is straight
# Few curves are cut into many parts and many in halves: calls cost here, and places there.
_FEW = ((60, 6), (300, 4))
_NO_GAIN = 1e-12


class Foot(NamedTuple):
    """Where curves begin and how suddenly; lengths and places on the axis of the losses given.

    ``onset`` is x_.05, ``plateau`` P, ``foot`` F, ``rise`` R, ``rho`` their ratio, and ``phi`` the
    foot over the next step, F / (x_.25 - x_.5): below 1 where the curve is steepest at first.
    """

    onset: FloatArray
    plateau: FloatArray
    foot: FloatArray
    rise: FloatArray
    rho: FloatArray
    phi: FloatArray


def reaches(
    basis: Basis, theta: FloatArray, low: float, high: float, shares: tuple[float, ...]
) -> FloatArray:
    """Highest loss at which each curve has made each share of its gain; NaN where it gains none."""
    ends = np.repeat([[high, low]], theta.shape[0], axis=0)
    floor, top = basis(ends, theta).T
    wanted = floor[:, None] + np.outer(top - floor, shares)
    below = np.full((theta.shape[0], len(shares)), low, dtype=float)
    above = np.full_like(below, high)
    bits = next((b for most, b in _FEW if len(theta) < most), 1)
    cuts = np.arange(1, 2**bits) / 2**bits
    for _ in range(_BITS // bits):
        step = above - below
        places = below[..., None] + step[..., None] * cuts
        values = basis(places.reshape(len(theta), -1), theta).reshape(places.shape)
        there = (values >= wanted[..., None]).sum(axis=-1)  # a curve falls: the first so many
        below, above = below + there * step / 2**bits, below + (there + 1) * step / 2**bits
    cell = np.stack([below, above], axis=-1)
    high_end, low_end = np.moveaxis(
        basis(cell.reshape(len(theta), -1), theta).reshape(cell.shape), -1, 0
    )
    fall = high_end - low_end
    share = np.where(fall > 0, (high_end - wanted) / np.where(fall > 0, fall, 1.0), 0.0)
    reached = below + np.minimum(np.maximum(share, 0.0), 1.0) * (above - below)
    return np.where((top - floor > _NO_GAIN)[:, None], reached, np.nan)


def feet(family: Family, theta: FloatArray, low: float, high: float) -> Foot:
    """Foot of every parameter set of a family over the losses from ``low`` to ``high``."""
    onset, quarter, half = reaches(family.basis, theta, low, high, SHARES).T
    plateau, foot, rise = high - onset, onset - quarter, onset - low
    span = high - low
    with np.errstate(invalid="ignore"):
        room = np.minimum(plateau, 2.0 * rise)
        # No plateau, or no rise, is no sudden foot; a curve without gain has none at all.
        rho = np.where(room > _NO_GAIN * span, foot / np.maximum(room, _NO_GAIN * span), np.inf)
        phi = foot / np.maximum(quarter - half, _NO_GAIN * span)
    rho = np.where(np.isnan(onset), np.inf, rho)
    return Foot(onset, plateau=plateau, foot=foot, rise=rise, rho=rho, phi=phi)
