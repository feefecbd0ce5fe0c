"""Ceiling onset: a power of the depth below the threshold, up to a ceiling that it meets."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, amplitude_and_rate, depth


def ceiling_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, exponent: float, chance: float = 0.0
) -> FloatArray:
    r"""Ceiling onset: :math:`c + A \min(k (\eta - L)_+, 1)^g`, with rate k per nat.

    A is the gain from the loss :math:`\eta - 1/k` on, where the score meets its ceiling; other
    arguments as for :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> ceiling_onset([3.0, 2.1, 1.2], eta=2.2, amplitude=0.4, rate=5.0, exponent=1.0)
    array([0. , 0.2, 0.4])
    """
    return chance + amplitude * np.minimum(rate * depth(loss, eta), 1.0) ** exponent


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return np.minimum(theta[:, 1:2] * depth(x, theta[:, :1]), 1.0) ** theta[:, 2:3]


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return amplitude_and_rate(theta, gain, scale) | {"exponent": float(theta[2])}


_RATES, _EXPONENTS = np.geomspace(1.2, 40.0, 9), np.array([0.4, 0.7, 1.0, 1.5, 2.0])
FAMILIES = (
    Family(
        "ceiling",
        "threshold",
        curve=ceiling_onset,
        basis=_basis,
        natural=_natural,
        units={"amplitude": "score", "rate": "per nat", "exponent": ""},
        grid=np.stack(np.meshgrid(_RATES, _EXPONENTS), axis=-1).reshape(-1, 2),
        lower=(1.0, 0.2),
        upper=(300.0, 2.0),
        competes=False,
        like="logistic",
        simulated={"ceiling": lambda loss, eta: ceiling_onset(loss, eta, 0.35, 5.0, 1.0)},
    ),
)
