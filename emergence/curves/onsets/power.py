"""Power onset: steep at first and then slower, or gentle at first and then faster."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, depth


def power_onset(
    loss: ArrayLike, eta: float, amplitude: float, exponent: float, chance: float = 0.0
) -> FloatArray:
    r"""Power onset: :math:`c + A (\eta - L)_+^g`, a score A one nat below eta.

    With g below 1 steep at first, above 1 gentle at first; other arguments as for
    :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> power_onset([3.0, 1.2], eta=2.2, amplitude=0.3, exponent=0.5)
    array([0. , 0.3])
    """
    d = depth(loss, eta)
    return chance + amplitude * np.where(d > 0, d**exponent, 0.0)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    # exp(g log d) is faster than d^g, and log 0 = -inf gives the 0 wanted above the onset.
    with np.errstate(divide="ignore"):
        return np.exp(theta[:, 1:2] * np.log(depth(x, theta[:, :1])))


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    g = float(theta[1])
    return {"amplitude": gain / scale.span**g, "exponent": g}


FAMILIES = (
    Family(
        "power",
        "threshold",
        curve=power_onset,
        basis=_basis,
        natural=_natural,
        units={"amplitude": "score one nat below eta", "exponent": ""},
        grid=np.array([0.25, 0.35, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])[:, None],
        lower=(0.1,),
        upper=(6.0,),
        simulated={
            "power": lambda loss, eta: power_onset(loss, eta, amplitude=1.0, exponent=1.5),
            "sqrt": lambda loss, eta: power_onset(loss, eta, amplitude=0.35, exponent=0.5),
        },
    ),
)
