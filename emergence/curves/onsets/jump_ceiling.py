"""Jump with a ceiling: a step at the threshold, a straight line below it, and an end to that."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, depth


def jump_ceiling_onset(
    loss: ArrayLike, eta: float, jump: float, rise: float, rate: float, chance: float = 0.0
) -> FloatArray:
    r"""Jump, slope and ceiling: :math:`c + [L < \eta] (j + b \min(k (\eta - L), 1))`.

    The score jumps by j, rises by b more over 1/k nats and stays there; other arguments as for
    :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> jump_ceiling_onset([2.2, 2.1, 1.0], eta=2.2, jump=0.1, rise=0.2, rate=5.0)
    array([0. , 0.2, 0.3])
    """
    d = depth(loss, eta)
    return chance + np.where(d > 0, jump + rise * np.minimum(rate * d, 1.0), 0.0)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    d = depth(x, theta[:, :1])
    return np.where(d > 0, 1.0 + theta[:, 2:3] * np.minimum(theta[:, 1:2] * d, 1.0), 0.0)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    rate, rise = float(theta[1] / scale.span), gain * float(theta[2])
    return {"jump": gain, "rise": rise, "rate": rate}


_RATES, _RISES = np.geomspace(1.2, 40.0, 7), np.array([0.3, 1.0, 3.0, 10.0])
FAMILIES = (
    Family(
        "jump_ceiling",
        "threshold",
        curve=jump_ceiling_onset,
        basis=_basis,
        natural=_natural,
        units={"jump": "score", "rise": "score", "rate": "per nat"},
        grid=np.stack(np.meshgrid(_RATES, _RISES), axis=-1).reshape(-1, 2),
        lower=(1.0, 0.0),
        upper=(300.0, 1e3),
        competes=False,
        jumps=True,
        like="logistic",
        simulated={"jump_ceiling": lambda loss, eta: jump_ceiling_onset(loss, eta, 0.15, 0.2, 4.0)},
    ),
)
