"""Saturating onset: steepest at the threshold, then levelling off."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, amplitude_and_rate, depth


def saturating_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, chance: float = 0.0
) -> FloatArray:
    r"""Saturating onset: :math:`c + A (1 - e^{-k (\eta - L)_+})`, with rate k per nat.

    A is the gain far below eta; other arguments as for
    :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> saturating_onset([3.0, 2.2], eta=2.2, amplitude=0.3, rate=6.0)
    array([0., 0.])
    """
    return chance - amplitude * np.expm1(-rate * depth(loss, eta))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return -np.expm1(-theta[:, 1:2] * depth(x, theta[:, :1]))


FAMILIES = (
    Family(
        "saturating",
        "threshold",
        curve=saturating_onset,
        basis=_basis,
        natural=amplitude_and_rate,
        units={"amplitude": "score", "rate": "per nat"},
        grid=np.geomspace(1.0, 90.0, 12)[:, None],
        lower=(0.2,),
        upper=(300.0,),
        simulated={"saturating": lambda loss, eta: saturating_onset(loss, eta, 0.35, 6.0)},
    ),
)
