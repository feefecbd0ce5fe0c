r"""Families: the shapes that compete, each with a grid over its non-linear parameters.

Given those parameters every shape is linear in its amplitudes,

.. math:: \text{ability}(L) = c + \sum_j a_j\, \phi_j(L; \theta), \qquad a_j \ge 0,

with :math:`\phi` decreasing in the loss.  On the canonical axis x (0 lowest loss, 1 highest)
and d = max(eta - x, 0):

=============  =======================  =====================================
threshold      basis                    theta
=============  =======================  =====================================
hinge          d                        eta
power          d^g                      eta, g
saturating     1 - exp(-k d)            eta, k
sigmoid        1 - exp(-(k d)^2)        eta, k
jump           [d > 0], d               eta
step           [d > 0]                  eta
-------------  -----------------------  -------------------------------------
smooth
-------------  -----------------------  -------------------------------------
linear         -x                       --
exponential    exp(-k x) or -exp(k x)   k
power_law      L^-g or -L^g             g
logistic       1/(1 + exp((x - m)/s))   m, s (floor at chance)
logistic_free  the same                 m, s (floor fitted)
=============  =======================  =====================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from emergence._typing import FloatArray
from emergence.problem import Problem

Side = Literal["threshold", "smooth"]


@dataclass(frozen=True, eq=False)
class Family:
    """One shape.

    ``basis(x, theta)`` gives the rows (m, n) of each basis function for m parameter
    sets; ``n_params`` counts eta or theta and the amplitudes (a fitted level apart);
    ``free_floor`` adds a fitted constant; ``lower`` and ``upper`` bound theta beyond eta
    for the local refinement.
    """

    name: str
    side: Side
    n_params: int
    free_floor: bool
    basis: Callable[[FloatArray, FloatArray], tuple[FloatArray, ...]]
    grid: FloatArray
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()


def _depth(x: FloatArray, theta: FloatArray) -> FloatArray:
    depth: FloatArray = np.maximum(theta[:, :1] - x, 0.0)
    return depth


def _hinge(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    return (_depth(x, theta),)


def _power(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    d = _depth(x, theta)
    # exp(g log d) with log 0 = -inf gives the 0 wanted above the onset, also for g < 1.
    with np.errstate(divide="ignore"):
        return (np.exp(theta[:, 1:2] * np.log(d)),)


def _saturating(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    return (-np.expm1(-theta[:, 1:2] * _depth(x, theta)),)


def _sigmoid(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    return (-np.expm1(-np.square(theta[:, 1:2] * _depth(x, theta))),)


def _jump(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    d = _depth(x, theta)
    return ((d > 0).astype(float), d)


def _step(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    return ((_depth(x, theta) > 0).astype(float),)


def _linear(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    return (np.broadcast_to(-x, (theta.shape[0], x.size)).copy(),)


def _exponential(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    k = theta[:, :1]
    # Both signs fall in x; the shift keeps the convex and the concave branch within [0, 1].
    return (np.where(k > 0, np.exp(-np.abs(k) * x), -np.exp(np.abs(k) * (x - 1.0))),)


def _logistic(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    z = np.clip((x - theta[:, :1]) / theta[:, 1:2], -500, 500)
    return (1.0 / (1.0 + np.exp(z)),)


POWERS = np.array([0.25, 0.35, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])
RATES = np.geomspace(1.0, 90.0, 12)
_GROWTH = np.geomspace(0.25, 25.0, 12)
_MIDDLES = np.append([-1.0, -0.6, -0.4, -0.2], np.linspace(-0.1, 1.2, 40))
_WIDTHS = np.geomspace(0.008, 0.8, 18)
_THIN = 0.05  # one and a half times the spacing of the middles

_NONE = np.zeros((1, 0))
HINGE = Family("hinge", "threshold", 2, False, _hinge, _NONE)
POWER = Family("power", "threshold", 3, False, _power, POWERS[:, None], (0.1,), (6.0,))
SATURATING = Family(
    "saturating", "threshold", 3, False, _saturating, RATES[:, None], (0.2,), (300.0,)
)
SIGMOID = Family("sigmoid", "threshold", 3, False, _sigmoid, RATES[:, None], (0.2,), (300.0,))
JUMP = Family("jump", "threshold", 3, False, _jump, _NONE)
STEP = Family("step", "threshold", 2, False, _step, _NONE)
LINEAR = Family("linear", "smooth", 1, True, _linear, _NONE)
EXPONENTIAL = Family(
    "exponential",
    "smooth",
    2,
    True,
    _exponential,
    np.concatenate([-_GROWTH[::-1], _GROWTH])[:, None],
    (-60.0,),
    (60.0,),
)
_LOGISTIC_GRID = np.stack(np.meshgrid(_MIDDLES, _WIDTHS), axis=-1).reshape(-1, 2)
LOGISTIC = Family(
    "logistic", "smooth", 3, False, _logistic, _LOGISTIC_GRID, (-3.0, 1e-3), (2.0, 3.0)
)
LOGISTIC_FREE = Family(
    "logistic_free", "smooth", 3, True, _logistic, _LOGISTIC_GRID, (-3.0, 1e-3), (2.0, 3.0)
)

THRESHOLD_FAMILIES = (HINGE, POWER, SATURATING, SIGMOID, JUMP)
# A pure step is a jump without slope: it can be asked for, but does not compete.
THRESHOLD_SHAPES: dict[str, Family] = {f.name: f for f in (*THRESHOLD_FAMILIES, STEP)}


def logistic_neighbourhood(theta: FloatArray) -> FloatArray:
    """Fine grid about one logistic curve: three widths to either side, widths from 1/3 to 3 times.

    Curves much thinner than the spacing of the middles fall between the points of the grid.
    """
    middle, width = float(theta[0]), float(theta[1])
    middles = middle + width * np.linspace(-3.0, 3.0, 13)
    widths = np.maximum(width * np.geomspace(1 / 3, 3.0, 7), LOGISTIC.lower[1])
    return np.stack(np.meshgrid(middles, widths), axis=-1).reshape(-1, 2)


def is_thin(theta: FloatArray) -> bool:
    """Is a logistic curve thinner than the grid of its middles resolves?"""
    return bool(theta[1] < _THIN)


def _power_law(x: FloatArray, theta: FloatArray, ratio: float) -> tuple[FloatArray, ...]:
    g = theta[:, :1]
    log_loss, top = np.log1p(ratio * x), np.log1p(ratio)
    return (np.where(g > 0, np.exp(-np.abs(g) * log_loss), -np.exp(np.abs(g) * (log_loss - top))),)


def power_law(problem: Problem) -> Family:
    """Power of the loss itself; it needs the loss ratio, which the canonical axis lacks."""
    grid = np.geomspace(0.5, 40.0, 12)
    return Family(
        "power_law",
        "smooth",
        2,
        True,
        partial(_power_law, ratio=problem.span / problem.low),
        np.concatenate([-grid[::-1], grid])[:, None],
        (-120.0,),
        (120.0,),
    )


def smooth_families(problem: Problem) -> tuple[Family, ...]:
    """Return the smooth families for one problem."""
    return (LINEAR, EXPONENTIAL, power_law(problem), LOGISTIC, LOGISTIC_FREE)


def eta_grid(x: FloatArray, most: int = 160) -> FloatArray:
    """Candidate thresholds: middles of the gaps between losses, and the losses.

    At least three points lie below each.  Where that makes more than ``most``, quantiles
    of them and an even grid take turns, so that neither crowds nor gaps lose resolution.
    """
    u = np.unique(x)
    etas = np.sort(np.concatenate([u[1:], 0.5 * (u[1:] + u[:-1])]))
    etas = etas[etas > np.sort(x)[min(2, x.size - 2)]]
    if etas.size > most:
        spread = etas[np.linspace(0, etas.size - 1, most - most // 4).round().astype(int)]
        even = np.linspace(etas[0], etas[-1], most // 4)
        etas = np.unique(np.concatenate([spread, even]))
    return etas


def with_eta(family: Family, etas: FloatArray) -> FloatArray:
    """Cross a threshold family's grid with candidate thresholds, eta first."""
    shape = family.grid
    return np.column_stack([np.repeat(etas, shape.shape[0]), np.tile(shape, (etas.size, 1))])
