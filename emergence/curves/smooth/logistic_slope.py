"""Logistic with a slope: a sudden rise on a slow one."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import TWO_PIECES, Scale
from emergence.curves.smooth.logistic import AT_CHANCE, bounded, logistic, with_either_floor


def logistic_slope(
    loss: ArrayLike,
    middle: float,
    width: float,
    ceiling: float,
    slope: float,
    floor: float = 0.0,
    origin: float = 0.0,
) -> FloatArray:
    r"""Logistic and straight line: :math:`c + (C - c) / (1 + e^{(L - m)/w}) + a (L_0 - L)`.

    The line rises by a score a for each nat below the origin L_0; other arguments as for
    :func:`~emergence.curves.smooth.logistic.logistic`.

    Examples
    --------
    >>> logistic_slope([2.0], middle=2.0, width=0.1, ceiling=0.5, slope=0.1, origin=3.0)
    array([0.35])
    """
    line = slope * (origin - np.asarray(loss, dtype=float))
    return logistic(loss, middle, width, ceiling, floor) + line


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    z = bounded((x - theta[:, :1]) / theta[:, 1:2])
    return 1.0 / (1.0 + np.exp(z)) + theta[:, 2:3] * (1.0 - x)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    slope = gain * float(theta[2]) / scale.span
    origin = scale.low + scale.span
    return AT_CHANCE.natural(theta, gain, scale) | {"slope": slope, "origin": origin}


_GRID = np.meshgrid(np.linspace(0.0, 1.0, 21), np.geomspace(0.01, 0.3, 8), [0.1, 0.3, 1.0, 3.0])
FAMILIES = with_either_floor(
    replace(
        AT_CHANCE,
        name="logistic_slope",
        curve=logistic_slope,
        basis=_basis,
        natural=_natural,
        units=dict(AT_CHANCE.units) | {"slope": "score per nat", "origin": "nats"},
        grid=np.stack(_GRID, axis=-1).reshape(-1, 3),
        lower=(-0.5, 1e-3, 0.0),
        upper=(1.5, 1.0, 100.0),
        fixed=("floor", "origin"),
        public="logistic_slope",
        handicap=TWO_PIECES,
        competes=False,
        like="logistic",
        simulated={
            "logistic_slope": lambda loss, eta: logistic_slope(
                loss, eta, 0.05, 0.2, slope=0.1, origin=3.2
            )
        },
    )
)
