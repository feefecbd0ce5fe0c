"""Straight line."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale


def linear(loss: ArrayLike, intercept: float, slope: float) -> FloatArray:
    r"""Straight line: :math:`b - a L`, b the score at loss 0, a the score gained per nat.

    Examples
    --------
    >>> linear([2.0, 3.0], intercept=0.8, slope=0.1)
    array([0.6, 0.5])
    """
    return intercept - slope * np.asarray(loss, dtype=float)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return np.broadcast_to(-x, (theta.shape[0], x.shape[-1])).copy()


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    slope = gain / scale.span
    return {"intercept": scale.level + slope * scale.low, "slope": slope}


FAMILIES = (
    Family(
        "linear",
        "smooth",
        curve=linear,
        basis=_basis,
        natural=_natural,
        units={"intercept": "score", "slope": "score per nat"},
        free_floor=True,
        public="linear",
        simulated={"linear": lambda loss, eta: linear(loss, intercept=0.48, slope=0.15)},
    ),
)
