"""Algebraic curve: an S whose tails are heavier or lighter than those of a logistic."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.smooth.logistic import with_shape

_MOST = 1e6  # of |z|, beyond which a tail is level


def _share(z: FloatArray, order: float | FloatArray) -> FloatArray:
    size = np.clip(np.abs(z), 1e-12, _MOST)
    below = 0.5 * (1.0 + (1.0 + size**-order) ** (-1.0 / order))
    return np.where(z < 0, below, 1.0 - below)


def algebraic(
    loss: ArrayLike, middle: float, width: float, ceiling: float, order: float, floor: float = 0.0
) -> FloatArray:
    r"""Algebraic curve: :math:`c + \frac{C - c}{2} (1 - z (1 + |z|^p)^{-1/p})`, z = (L - m) / w.

    A tail falls off as :math:`|z|^{-p}`: for p = 1 longer than that of an arctangent; p = 2 is
    Student's distribution with two degrees of freedom, and p without end a straight line between
    a floor and a ceiling.  Other arguments as for
    :func:`~emergence.curves.smooth.logistic.logistic`.

    Examples
    --------
    >>> algebraic([2.0, 1.0], middle=2.0, width=0.1, ceiling=0.8, order=8.0).round(6)
    array([0.4, 0.8])
    """
    z = (np.asarray(loss, dtype=float) - middle) / width
    return floor + (ceiling - floor) * _share(z, order)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return _share((x - theta[:, :1]) / theta[:, 1:2], theta[:, 2:3])


_GRID = np.meshgrid(np.linspace(-0.2, 1.1, 27), np.geomspace(0.015, 0.8, 12), [1.0, 2.0, 8.0])
FAMILIES = with_shape(
    "algebraic",
    "order",
    curve=algebraic,
    basis=_basis,
    grid=np.stack(_GRID, axis=-1).reshape(-1, 3),
    bounds=(0.8, 20.0),
    limit=(0.5, 50.0),
    simulated={"algebraic": lambda loss, eta: algebraic(loss, eta, 0.12, 0.5, order=2.0)},
)
