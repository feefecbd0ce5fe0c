"""Gompertz curve: a sudden foot and a long way to the ceiling."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.smooth.logistic import AT_CHANCE, bounded, with_either_floor


def gompertz(
    loss: ArrayLike, middle: float, width: float, ceiling: float, floor: float = 0.0
) -> FloatArray:
    r"""Gompertz curve: :math:`c + (C - c) \exp(-e^{(L - m)/w})`.

    Steepest at the loss m, w its scale, nats; C and c the scores at low and at high loss
    (Gompertz 1825, Phil. Trans. R. Soc. 115, 513).

    Examples
    --------
    >>> gompertz([2.0], middle=2.0, width=0.1, ceiling=1.0).round(4)
    array([0.3679])
    """
    z = np.clip((np.asarray(loss, dtype=float) - middle) / width, -500.0, 500.0)
    return floor + (ceiling - floor) * np.exp(-np.exp(z))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    z = bounded((x - theta[:, :1]) / theta[:, 1:2])
    return np.exp(-np.exp(z))


FAMILIES = with_either_floor(
    replace(
        AT_CHANCE,
        name="gompertz",
        curve=gompertz,
        basis=_basis,
        public="gompertz",
        competes=False,
        like="logistic",
        simulated={"gompertz": lambda loss, eta: gompertz(loss, eta, width=0.15, ceiling=0.5)},
    )
)
