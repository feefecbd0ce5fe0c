"""Jump: a step at the threshold and a straight line below it."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, depth


def jump_onset(
    loss: ArrayLike, eta: float, jump: float, slope: float = 0.0, chance: float = 0.0
) -> FloatArray:
    r"""Jump plus slope: :math:`c + [L < \eta] (j + a (\eta - L))`, slope a in score per nat.

    Other arguments as for :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> jump_onset([2.2, 2.0], eta=2.2, jump=0.15, slope=0.5)
    array([0.  , 0.25])
    """
    d = depth(loss, eta)
    return chance + np.where(d > 0, jump + slope * d, 0.0)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    d = depth(x, theta[:, :1])
    return np.where(d > 0, 1.0 + theta[:, 1:2] * d, 0.0)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return {"jump": gain, "slope": gain * float(theta[1]) / scale.span}


FAMILIES = (
    Family(
        "jump",
        "threshold",
        curve=jump_onset,
        basis=_basis,
        natural=_natural,
        units={"jump": "score", "slope": "score per nat"},
        # Slope over jump: from a step to all but a hinge.
        grid=np.append(0.0, np.geomspace(0.5, 500.0, 11))[:, None],
        lower=(0.0,),
        upper=(1e4,),
        jumps=True,
        simulated={"jump": lambda loss, eta: jump_onset(loss, eta, jump=0.15, slope=0.3)},
    ),
)
