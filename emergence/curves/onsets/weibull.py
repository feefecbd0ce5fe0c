"""Weibull onset: saturating, with a foot as sharp or as gentle as the exponent says."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, amplitude_and_rate, depth


def weibull_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, exponent: float, chance: float = 0.0
) -> FloatArray:
    r"""Weibull onset: :math:`c + A (1 - e^{-(k (\eta - L)_+)^g})`, with rate k per nat.

    Saturating where g = 1, S-shaped where g = 2 (Weibull 1951, J. Appl. Mech. 18, 293); A is the
    gain far below eta, other arguments as for :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> weibull_onset([3.0, 2.2, 1.2], eta=2.2, amplitude=0.3, rate=6.0, exponent=3.0)
    array([0. , 0. , 0.3])
    """
    return chance - amplitude * np.expm1(-((rate * depth(loss, eta)) ** exponent))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return -np.expm1(-((theta[:, 1:2] * depth(x, theta[:, :1])) ** theta[:, 2:3]))


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return amplitude_and_rate(theta, gain, scale) | {"exponent": float(theta[2])}


_RATES, _EXPONENTS = np.geomspace(1.0, 90.0, 10), np.array([0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0])
FAMILIES = (
    Family(
        "weibull",
        "threshold",
        curve=weibull_onset,
        basis=_basis,
        natural=_natural,
        units={"amplitude": "score", "rate": "per nat", "exponent": ""},
        grid=np.stack(np.meshgrid(_RATES, _EXPONENTS), axis=-1).reshape(-1, 2),
        lower=(0.2, 0.2),
        upper=(300.0, 8.0),
        competes=False,  # on request: it holds two of the shapes that compete
        like="logistic",
        simulated={"weibull": lambda loss, eta: weibull_onset(loss, eta, 0.35, 4.0, 1.5)},
    ),
)
