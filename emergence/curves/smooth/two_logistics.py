"""Two logistic curves in sequence: a task that is learned in two stages."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import TWO_PIECES, Scale
from emergence.curves.smooth.logistic import AT_CHANCE, bounded, limits, logistic, with_either_floor


def two_logistics(
    loss: ArrayLike,
    middle: float,
    width: float,
    gap: float,
    width2: float,
    share: float,
    ceiling: float,
    floor: float = 0.0,
) -> FloatArray:
    r"""Two stages: a share s of the gain C - c along one logistic, the rest along a later one.

    .. math:: c + (C - c) \left(\frac{s}{1 + e^{(L - m)/w}}
        + \frac{1 - s}{1 + e^{(L - m + g)/w_2}}\right)

    The second stage stands g nats below the first; widths in nats.

    Examples
    --------
    >>> two_logistics([2.0], 2.5, 0.01, gap=1.0, width2=0.01, share=0.3, ceiling=1.0).round(6)
    array([0.3])
    """
    first = logistic(loss, middle, width, share)
    second = logistic(loss, middle - gap, width2, 1.0 - share)
    return floor + (ceiling - floor) * (first + second)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    middle, width, gap, width2, share = (theta[:, j : j + 1] for j in range(5))
    rise: FloatArray = share / (1.0 + np.exp(bounded((x - middle) / width)))
    rise += (1.0 - share) / (1.0 + np.exp(bounded((x - middle + gap) / width2)))
    return rise


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    named = AT_CHANCE.natural(theta, gain, scale)
    gap, width2 = scale.span * theta[2:4]
    return named | {"gap": float(gap), "width2": float(width2), "share": float(theta[4])}


def _limits(scale: Scale) -> dict[str, tuple[float, float]]:
    width = limits(scale)["width"]
    more = {"gap": (0.0, 4 * scale.span), "width2": width, "share": (0.01, 0.99)}
    return limits(scale) | more


_MIDDLES, _WIDTHS, _GAPS = np.linspace(0.1, 1.0, 10), [0.012, 0.03, 0.08], [0.12, 0.25, 0.4, 0.6]
_GRID = np.meshgrid(_MIDDLES, _WIDTHS, _GAPS, [0.03, 0.1], [0.15, 0.35, 0.6])
FAMILIES = with_either_floor(
    replace(
        AT_CHANCE,
        name="two_logistics",
        curve=two_logistics,
        basis=_basis,
        natural=_natural,
        units=dict(AT_CHANCE.units) | {"gap": "nats", "width2": "nats", "share": ""},
        grid=np.stack(_GRID, axis=-1).reshape(-1, 5),
        lower=(-0.5, 1e-3, 0.03, 1e-3, 0.03),
        upper=(1.5, 0.6, 1.5, 0.6, 0.97),
        limits=_limits,
        public="two_logistics",
        handicap=TWO_PIECES,
        competes=False,
        like="logistic",
        simulated={
            "two_logistics": lambda loss, eta: two_logistics(
                loss, eta, 0.05, gap=0.35, width2=0.05, share=0.4, ceiling=0.5
            )
        },
    )
)
