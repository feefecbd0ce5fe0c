"""Exponential: convex, or concave where rate and amplitude are negative."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale


def exponential(
    loss: ArrayLike, amplitude: float, rate: float, floor: float = 0.0, origin: float = 0.0
) -> FloatArray:
    r"""Exponential: :math:`c + A e^{-k (L - L_0)}`, with rate k per nat.

    A is the gain at the origin L_0; where it and k are negative the curve levels off.

    Examples
    --------
    >>> exponential([1.7], amplitude=0.5, rate=3.0, origin=1.7)
    array([0.5])
    """
    return floor + amplitude * np.exp(-rate * (np.asarray(loss, dtype=float) - origin))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    k = theta[:, :1]
    # Both signs fall in x; the shift keeps the convex and the concave branch within [0, 1].
    return np.where(k > 0, np.exp(-np.abs(k) * x), -np.exp(np.abs(k) * (x - 1.0)))


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    k, a = float(theta[0]), gain
    amplitude = a if k > 0 else -a * float(np.exp(k))  # at the lowest loss, whatever the branch
    return {
        "amplitude": amplitude,
        "rate": k / scale.span,
        "floor": scale.level,
        "origin": scale.low,
    }


_RATES = np.geomspace(0.25, 25.0, 12)
FAMILIES = (
    Family(
        "exponential",
        "smooth",
        curve=exponential,
        basis=_basis,
        natural=_natural,
        units={"amplitude": "score", "rate": "per nat", "floor": "score", "origin": "nats"},
        grid=np.concatenate([-_RATES[::-1], _RATES])[:, None],
        lower=(-60.0,),
        upper=(60.0,),
        free_floor=True,
        limits=lambda scale: {"rate": (-70 / scale.span, 70 / scale.span)},
        fixed=("origin",),
        public="exponential",
        simulated={"exponential": lambda loss, eta: exponential(loss, 0.5, 1 / 0.3, origin=1.7)},
    ),
)
