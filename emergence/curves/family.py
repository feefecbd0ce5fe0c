r"""Family: what a shape says of itself; each has a file in ``onsets`` or ``smooth``.

Given its non-linear parameters every shape is linear in its amplitude,

.. math:: \text{ability}(L) = c + A\, \phi(L; \theta), \qquad A \ge 0,

with :math:`\phi` decreasing in the loss.  Fits work on the canonical axis x, 0 at the lowest loss
and 1 at the highest; people read curves in nats and in the units of their metric.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray

Side = Literal["threshold", "smooth"]
Basis = Callable[..., FloatArray]
Gain = Callable[[FloatArray, float], FloatArray]

NO_GRID = np.zeros((1, 0))
# A curve of two pieces imitates nearly any other: it must earn that, by what counts as very strong
# evidence (Kass & Raftery 1995, J. Am. Stat. Assoc. 90, 773).
TWO_PIECES = 10.0


@dataclass(frozen=True)
class Scale:
    """Natural units of a problem: lowest loss and span of the losses (nats), level (score)."""

    low: float
    span: float
    level: float = 0.0


@dataclass(frozen=True, eq=False)
class Family:
    """One shape.

    Attributes
    ----------
    curve : callable
        Public curve: losses and natural parameters to scores.
    basis : callable
        ``basis(x, theta)``: rows (m, n) of the curve of gain one, for m parameter sets; x of shape
        (n,), or (m, n) with places of its own for each.
    natural : callable
        ``natural(theta, gain, scale)``: canonical parameters and amplitude (in score) to the
        natural parameters, whose ``units`` are named beside them.
    grid, lower, upper
        Non-linear parameters beyond eta, (m, k), and their bounds.
    free_floor : bool
        Whether a constant is always fitted.
    limits : callable, optional
        ``limits(scale)``: bounds of natural parameters for the polish by lmfit.
    fixed : tuple of str
        Natural parameters that are conventions, not fitted.
    public : str
        Name under which :func:`fit_smooth` offers it.
    handicap : float
        BIC that the shape pays beyond its parameters where a verdict weighs all curves.
    competes : bool
        For every estimate; the others do where a verdict weighs all curves, or on request.
    jumps : bool
        It begins with a step: it explains the same wherever in a gap between two losses it
        stands, and a softened corner makes it a logistic.
    exact_search : bool
        Whether independent errors allow the exact search for a kink.
    like : str
        Smooth family that says the same of a rise from chance; a panel of both sides takes one.
    simulated : mapping of str to callable
        Gains over chance (loss, eta) under which :func:`simulate` draws it.
    needs_ratio : bool
        Whether the basis needs the span of the losses over the lowest, which x lacks.
    """

    name: str
    side: Side
    curve: Callable[..., FloatArray]
    basis: Basis
    natural: Callable[[FloatArray, float, Scale], dict[str, float]]
    units: Mapping[str, str]
    grid: FloatArray = field(default_factory=lambda: NO_GRID)
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    free_floor: bool = False
    limits: Callable[[Scale], dict[str, tuple[float, float]]] | None = None
    fixed: tuple[str, ...] = ()
    public: str = ""
    handicap: float = 0.0
    competes: bool = True
    jumps: bool = False
    exact_search: bool = False
    like: str = ""
    simulated: Mapping[str, Gain] = field(default_factory=dict)
    needs_ratio: bool = False
    ratio: float = 0.0

    @property
    def n_params(self) -> int:
        """Parameters: eta, those of the grid and the amplitude; a fitted level apart."""
        return self.n_shape + 1

    @property
    def n_shape(self) -> int:
        """Non-linear parameters: eta and those of the grid."""
        return (self.side == "threshold") + self.grid.shape[1]

    def on(self, scale: Scale) -> Self:
        """Family for one problem."""
        if not self.needs_ratio:
            return self
        ratio = scale.span / scale.low
        return replace(self, ratio=ratio, basis=partial(self.basis, ratio=ratio))

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled by name: functions of a module need not be carried.
        how = self.curve.__module__, self.name, self.ratio
        listed = _recall(*how)
        if listed.grid is not self.grid or _plain(listed.basis) is not _plain(self.basis):
            raise TypeError(f"{self.name}: a family that was changed cannot be sent elsewhere")
        return _recall, how


def _plain(basis: Basis) -> Basis:
    """Basis without the ratio that it was given."""
    return basis.func if isinstance(basis, partial) else basis


def _recall(module: str, name: str, ratio: float) -> Family:
    family: Family = next(f for f in import_module(module).FAMILIES if f.name == name)
    return family.on(Scale(1.0, ratio))


def depth(loss: ArrayLike, eta: float | FloatArray) -> FloatArray:
    r"""Nats below the threshold: :math:`d = (\eta - L)_+`."""
    below: FloatArray = np.maximum(eta - np.asarray(loss, dtype=float), 0.0)
    return below


def amplitude_and_rate(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    """Natural parameters of a curve with one rate, per nat."""
    return {"amplitude": gain, "rate": float(theta[1] / scale.span)}
