"""Broken line: a slow drift that a steeper rise follows."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import TWO_PIECES, Scale, depth
from emergence.curves.smooth.logistic import AT_CHANCE


def broken_line(
    loss: ArrayLike, middle: float, slope: float, drift: float, floor: float, origin: float
) -> FloatArray:
    r"""Two straight lines: :math:`c + a (L_0 - L) + b (m - L)_+`.

    The score rises by the drift a for each nat below the origin L_0, where it is c, and by the
    slope b more below the loss m.  There is no plateau, so the bend is no threshold.

    Examples
    --------
    >>> broken_line([3.0, 2.0, 1.0], middle=2.0, slope=0.4, drift=0.1, floor=0.2, origin=3.0)
    array([0.2, 0.3, 0.8])
    """
    line = drift * (origin - np.asarray(loss, dtype=float))
    return floor + line + slope * depth(loss, middle)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return depth(x, theta[:, :1]) + theta[:, 1:2] * (1.0 - x)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return {
        "middle": scale.low + scale.span * float(theta[0]),
        "slope": gain / scale.span,
        "drift": gain * float(theta[1]) / scale.span,
        "floor": scale.level,
        "origin": scale.low + scale.span,
    }


_GRID = np.meshgrid(np.linspace(0.06, 0.94, 45), np.geomspace(0.02, 1.0, 7))
FAMILIES = (
    replace(
        AT_CHANCE,
        name="broken_line",
        curve=broken_line,
        basis=_basis,
        natural=_natural,
        units={
            "middle": "nats",
            "slope": "score per nat",
            "drift": "score per nat",
            "floor": "score",
            "origin": "nats",
        },
        grid=np.stack(_GRID, axis=-1).reshape(-1, 2),
        lower=(0.02, 0.0),
        upper=(0.98, 20.0),
        free_floor=True,
        fixed=("origin",),
        limits=lambda scale: {"middle": (scale.low, scale.low + scale.span)},
        public="broken_line",
        handicap=TWO_PIECES,
        competes=False,
        like="logistic",
        simulated={
            "broken_line": lambda loss, eta: broken_line(loss, eta, 0.5, 0.05, 0.0, origin=3.2)
        },
    ),
)
