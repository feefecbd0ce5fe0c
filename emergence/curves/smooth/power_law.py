"""Power law of the loss itself."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale


def power_law(
    loss: ArrayLike, amplitude: float, exponent: float, floor: float = 0.0, origin: float = 1.0
) -> FloatArray:
    r"""Power of the loss: :math:`c + A (L / L_0)^{-g}`.

    A is the gain at the origin L_0, c the score at infinite loss.

    Examples
    --------
    >>> power_law([2.0], amplitude=0.5, exponent=2.0, origin=1.0)
    array([0.125])
    """
    return floor + amplitude * (np.asarray(loss, dtype=float) / origin) ** -exponent


def _basis(x: FloatArray, theta: FloatArray, ratio: float = 0.0) -> FloatArray:
    # log(L / L_low) = log(1 + ratio x); the shift keeps either branch within [0, 1].
    g = theta[:, :1]
    log_loss, top = np.log1p(ratio * x), np.log1p(ratio)
    return np.where(g > 0, np.exp(-np.abs(g) * log_loss), -np.exp(np.abs(g) * (log_loss - top)))


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    g, a = float(theta[0]), gain
    top = (scale.low + scale.span) / scale.low
    return {
        "amplitude": a if g > 0 else -a * top**g,
        "exponent": g,
        "floor": scale.level,
        "origin": scale.low,
    }


_EXPONENTS = np.geomspace(0.5, 40.0, 12)
FAMILIES = (
    Family(
        "power_law",
        "smooth",
        curve=power_law,
        basis=_basis,
        natural=_natural,
        units={"amplitude": "score", "exponent": "", "floor": "score", "origin": "nats"},
        grid=np.concatenate([-_EXPONENTS[::-1], _EXPONENTS])[:, None],
        lower=(-120.0,),
        upper=(120.0,),
        free_floor=True,
        limits=lambda scale: {"exponent": (-130.0, 130.0)},
        fixed=("origin",),
        public="power",
        needs_ratio=True,
    ),
)
