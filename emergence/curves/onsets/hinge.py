"""Hinge: nothing above the threshold, a straight line below it."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, depth


def hinge(
    loss: ArrayLike, eta: float | FloatArray, slope: float, chance: float = 0.0
) -> FloatArray:
    r"""Kink: :math:`c + a (\eta - L)_+`.

    Parameters
    ----------
    loss : array_like
        Nats per token.
    eta : float
        Threshold, nats per token.
    slope : float
        Score per nat.
    chance : float
        Score at and above eta.

    Examples
    --------
    >>> hinge([3.0, 2.0], eta=2.2, slope=0.5, chance=0.25)
    array([0.25, 0.35])
    """
    return chance + slope * depth(loss, eta)


def softplus_hinge(
    loss: ArrayLike, eta: float, slope: float, width: float, chance: float = 0.0
) -> FloatArray:
    r"""Hinge with a soft corner: :math:`c + a w \log(1 + e^{(\eta - L)/w})`, w nats wide.

    Examples
    --------
    >>> softplus_hinge([2.2], eta=2.2, slope=1.0, width=0.1).round(4)
    array([0.0693])
    """
    z = (eta - np.asarray(loss, dtype=float)) / width
    return chance + slope * width * np.logaddexp(0.0, z)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return hinge(x, theta[:, :1], 1.0)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return {"slope": gain / scale.span}


FAMILIES = (
    Family(
        "hinge",
        "threshold",
        curve=hinge,
        basis=_basis,
        natural=_natural,
        units={"slope": "score per nat"},
        exact_search=True,
        simulated={"hinge": lambda loss, eta: hinge(loss, eta, slope=0.5)},
    ),
)
