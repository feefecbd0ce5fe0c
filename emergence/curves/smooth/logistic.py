"""Logistic, its floor at chance or fitted."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.family import Basis, Family, Gain, Scale

_MIDDLES = np.append([-1.0, -0.6, -0.4, -0.2], np.linspace(-0.1, 1.2, 40))
_WIDTHS = np.geomspace(0.008, 0.8, 18)
_LEAST_WIDTH = 1e-3


def logistic(
    loss: ArrayLike, middle: float, width: float, ceiling: float, floor: float = 0.0
) -> FloatArray:
    r"""Logistic with floor and ceiling: :math:`c + (C - c) / (1 + e^{(L - m)/w})`.

    m is the loss half way up and w the scale, nats; C and c the scores at low and at high loss.

    Examples
    --------
    >>> logistic([2.0], middle=2.0, width=0.1, ceiling=0.75, floor=0.25)
    array([0.5])
    """
    z = np.clip((np.asarray(loss, dtype=float) - middle) / width, -500.0, 500.0)
    return floor + (ceiling - floor) / (1.0 + np.exp(z))


def bounded(z: FloatArray) -> FloatArray:
    """Keep z within what the exponential takes; of few numbers ``np.clip`` is far slower."""
    return np.minimum(np.maximum(z, -500.0), 500.0)


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    z = bounded((x - theta[:, :1]) / theta[:, 1:2])
    return 1.0 / (1.0 + np.exp(z))


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return {
        "middle": scale.low + scale.span * float(theta[0]),
        "width": scale.span * float(theta[1]),
        "ceiling": scale.level + gain,
        "floor": scale.level,
    }


def limits(scale: Scale) -> dict[str, tuple[float, float]]:
    """Bounds of middle and width, nats, for the polish by lmfit."""
    low, span = scale.low, scale.span
    return {"middle": (low - 4 * span, low + 3 * span), "width": (1e-4 * span, 4 * span)}


AT_CHANCE = Family(
    "logistic",
    "smooth",
    curve=logistic,
    basis=_basis,
    natural=_natural,
    units={"middle": "nats", "width": "nats", "ceiling": "score", "floor": "score"},
    grid=np.stack(np.meshgrid(_MIDDLES, _WIDTHS), axis=-1).reshape(-1, 2),
    lower=(-3.0, _LEAST_WIDTH),
    upper=(2.0, 3.0),
    limits=limits,
    fixed=("floor",),
    public="logistic",
    simulated={"logistic": lambda loss, eta: logistic(loss, eta, width=0.15, ceiling=0.5)},
)


def with_either_floor(at_chance: Family) -> tuple[Family, Family]:
    """Family with its floor at chance, and the same with a fitted floor."""
    name = f"{at_chance.name}_free"
    return at_chance, replace(
        at_chance, name=name, free_floor=True, fixed=at_chance.fixed[1:], simulated={}
    )


def with_shape(
    name: str,
    parameter: str,
    *,
    curve: Callable[..., FloatArray],
    basis: Basis,
    grid: FloatArray,
    bounds: tuple[float, float],
    limit: tuple[float, float],
    simulated: Mapping[str, Gain],
) -> tuple[Family, Family]:
    """Families of a logistic with one parameter of shape more, its floor at chance or fitted.

    ``bounds`` are those of the search for the parameter, ``limit`` that of the polish by lmfit.
    """

    def natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
        return _natural(theta, gain, scale) | {parameter: float(theta[2])}

    return with_either_floor(
        replace(
            AT_CHANCE,
            name=name,
            curve=curve,
            basis=basis,
            natural=natural,
            units=dict(AT_CHANCE.units) | {parameter: ""},
            grid=grid,
            lower=(*AT_CHANCE.lower, bounds[0]),
            upper=(*AT_CHANCE.upper, bounds[1]),
            public=name,
            competes=False,
            like="logistic",
            limits=lambda scale: limits(scale) | {parameter: limit},
            simulated=simulated,
        )
    )


FAMILIES = with_either_floor(AT_CHANCE)
