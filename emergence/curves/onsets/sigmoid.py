"""S-shaped onset: gentle at the threshold, steep in the middle, level at last."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, amplitude_and_rate, depth


def sigmoid_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, chance: float = 0.0
) -> FloatArray:
    r"""S-shaped onset: :math:`c + A (1 - e^{-(k (\eta - L)_+)^2})`, with rate k per nat.

    A is the gain far below eta; other arguments as for
    :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> sigmoid_onset([3.0, 2.2, 1.2], eta=2.2, amplitude=0.3, rate=6.0)
    array([0. , 0. , 0.3])
    """
    return chance - amplitude * np.expm1(-np.square(rate * depth(loss, eta)))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return -np.expm1(-np.square(theta[:, 1:2] * depth(x, theta[:, :1])))


FAMILIES = (
    Family(
        "sigmoid",
        "threshold",
        curve=sigmoid_onset,
        basis=_basis,
        natural=amplitude_and_rate,
        units={"amplitude": "score", "rate": "per nat"},
        grid=np.geomspace(1.0, 90.0, 12)[:, None],
        lower=(0.2,),
        upper=(300.0,),
        like="logistic",
        simulated={"sigmoid": lambda loss, eta: sigmoid_onset(loss, eta, 0.35, 8.0)},
    ),
)
