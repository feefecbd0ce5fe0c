"""Saturating onset with a slope: steep at the threshold, then a straight line for ever."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import TWO_PIECES, Family, Scale, depth


def saturating_slope_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, slope: float, chance: float = 0.0
) -> FloatArray:
    r"""Two rises in one: :math:`c + A (1 - e^{-k (\eta - L)_+}) + a (\eta - L)_+`.

    Rate k per nat, slope a in score per nat; other arguments as for
    :func:`~emergence.curves.onsets.hinge.hinge`.

    Examples
    --------
    >>> saturating_slope_onset([3.0, 1.2], eta=2.2, amplitude=0.3, rate=50.0, slope=0.1)
    array([0. , 0.4])
    """
    d = depth(loss, eta)
    return chance - amplitude * np.expm1(-rate * d) + slope * d


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    d = depth(x, theta[:, :1])
    return theta[:, 2:3] * d - np.expm1(-theta[:, 1:2] * d)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    rate, slope = theta[1:] / scale.span
    return {"amplitude": gain, "rate": float(rate), "slope": gain * float(slope)}


_RATES, _SLOPES = np.geomspace(4.0, 90.0, 8), np.array([0.2, 0.5, 1.0, 2.0, 4.0])
FAMILIES = (
    Family(
        "saturating_slope",
        "threshold",
        curve=saturating_slope_onset,
        basis=_basis,
        natural=_natural,
        units={"amplitude": "score", "rate": "per nat", "slope": "score per nat"},
        grid=np.stack(np.meshgrid(_RATES, _SLOPES), axis=-1).reshape(-1, 2),
        lower=(0.2, 0.0),
        upper=(300.0, 100.0),
        handicap=TWO_PIECES,
        competes=False,
        simulated={
            "saturating_slope": lambda loss, eta: saturating_slope_onset(loss, eta, 0.2, 15.0, 0.2)
        },
    ),
)
