"""Attempts curve: one success in several tries of a logistic chance."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.smooth.logistic import AT_CHANCE, bounded, with_shape


def attempts(
    loss: ArrayLike, middle: float, width: float, ceiling: float, tries: float, floor: float = 0.0
) -> FloatArray:
    r"""Attempts curve: :math:`c + (C - c) (1 - (1 + e^{-(L - m)/w} / n)^{-n})`.

    For a whole n the chance that one of n tries is right, each by a logistic curve (pass at n):
    the Richards curve seen from its other end.  n = 1 is the logistic; n without end begins
    gently, as a Gompertz curve ends (the complementary log-log).  Other arguments as for
    :func:`~emergence.curves.smooth.logistic.logistic`.

    Examples
    --------
    >>> attempts([2.0], middle=2.0, width=0.1, ceiling=1.0, tries=1.0)
    array([0.5])
    """
    z = np.clip((np.asarray(loss, dtype=float) - middle) / width, -500.0, 500.0)
    return floor - (ceiling - floor) * np.expm1(-tries * np.log1p(np.exp(-z) / tries))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    z, tries = bounded((x - theta[:, :1]) / theta[:, 1:2]), theta[:, 2:3]
    return -np.expm1(-tries * np.log1p(np.exp(-z) / tries))


_PLACES = AT_CHANCE.grid[::2]
FAMILIES = with_shape(
    "attempts",
    "tries",
    curve=attempts,
    basis=_basis,
    grid=np.concatenate([np.insert(_PLACES, 2, n, axis=1) for n in (3.0, 20.0)]),
    bounds=(0.1, 100.0),
    limit=(0.05, 200.0),
    simulated={"pass_at": lambda loss, eta: attempts(loss, eta, 0.1, 0.5, tries=10.0)},
)
