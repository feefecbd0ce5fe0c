r"""Axis: on which of them do models of different size fall on one curve?

For each axis (loss, tokens, compute C = 6 N D) a monotone curve is fitted to all sizes but one
and asked about the one left out:

.. math:: e = \sqrt{\tfrac1n \sum_i (y_i - \hat f_{-s(i)}(x_i))^2}

with :math:`\hat f_{-s}` an isotonic regression, linear between its points, without size s.
Only points inside the range of the other sizes on all axes are asked about, so that the axes
answer the same questions and none extrapolates.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from emergence._results import renamed
from emergence._typing import BoolArray, FloatArray, IntArray
from emergence.errors import DataError
from emergence.records.points import Points
from emergence.verdicts.monotone import left_out_errors, monotone_curve, reached, within_others

AXES = ("loss", "tokens", "compute")
HALF = 0.5  # of the way from chance to perfect


@dataclass(frozen=True, eq=False)
class Alignment:
    """How well each axis lines the sizes up; made by :func:`align_sizes`.

    Attributes
    ----------
    errors : dict of str to float
        Root mean squared error of points of a size that the curve has not seen, in points of
        score (fractions), for each axis.
    asked : int
        Number of points that were asked about.
    clear : bool
        Whether the best axis beats the second by more than the standard error, between sizes, of
        the difference of their squared errors.
    sizes : (sizes,) array
        Model sizes, non-embedding parameters.
    crossings : dict of str to (sizes,) array
        Where each size is half-way between chance and a perfect score: nats per token, tokens,
        FLOP; NaN where its points do not pass that.
    """

    points: Points = field(repr=False)
    errors: dict[str, float]
    asked: int
    clear: bool
    sizes: FloatArray
    crossings: dict[str, FloatArray]

    @property
    def best(self) -> str:
        """Axis with the smallest error."""
        return min(self.errors, key=lambda axis: self.errors[axis])

    def spread(self, axis: str) -> float:
        """Spread of the half-way crossings between sizes.

        Nats per token, largest less smallest, for the loss; largest over smallest for tokens
        and compute; NaN where fewer than two sizes cross.
        """
        found = self.crossings[axis][np.isfinite(self.crossings[axis])]
        if found.size < 2:
            return float("nan")
        if axis == "loss":
            return float(np.ptp(found))
        return float(found.max() / found.min())

    def to_frame(self) -> pd.DataFrame:
        """Give the half-way crossings, one row per size."""
        return pd.DataFrame({"params": self.sizes, **self.crossings})

    @property
    def reason(self) -> str:
        """The finding in one sentence: what lines the sizes up."""
        ranked = sorted(self.errors, key=lambda axis: self.errors[axis])
        listed = ", ".join(f"{axis} {self.errors[axis]:.3f}" for axis in ranked)
        what = (
            f"{ranked[0]} lines {self.sizes.size} sizes up best"
            if self.clear
            else f"no axis lines {self.sizes.size} sizes up clearly better than the others"
        )
        text = f"{what} (error at {self.asked} points of sizes left out: {listed})"
        n = int(np.isfinite(self.crossings["loss"]).sum())
        if n > 1:
            spreads = {axis: self.spread(axis) for axis in ("tokens", "compute")}
            said = [f"{s:.2g} times the {axis}" for axis, s in spreads.items() if np.isfinite(s)]
            said = [f"{self.spread('loss'):.3f} nats of loss", *said]
            text += f"; half-way in {n} sizes within {', '.join(said)}"
        return text

    sentence = renamed("sentence", "reason")


def align_sizes(points: Points) -> Alignment:
    """Compare loss, tokens and compute as the axis on which sizes fall on one curve.

    Parameters
    ----------
    points : Points
        Scores with params and tokens, of at least two sizes.

    Raises
    ------
    DataError
        Where params or tokens are missing, there is one size only, or the sizes have no
        range of loss, tokens and compute in common.

    Examples
    --------
    >>> import numpy as np
    >>> from emergence.records.points import Points
    >>> size = np.repeat([1e5, 3e5, 1e6], 30)
    >>> tokens = np.tile(np.geomspace(1e5, 1e7, 30), 3)
    >>> loss = 1 + 8 * size**-0.25 + 60 * tokens**-0.35
    >>> points = Points(loss, np.clip(2.2 - loss, 0, 1), tokens=tokens, params=size)
    >>> align_sizes(points).best
    'loss'
    """
    compute = points.compute
    if points.params is None or points.tokens is None or compute is None:
        raise DataError(f"{points.label}: params and tokens are needed to compare the axes")
    sizes, size = np.unique(points.params, return_inverse=True)
    if sizes.size < 2:
        raise DataError(f"{points.label}: all points are of one size; there is nothing to line up")
    # Each axis runs in the direction in which models improve.
    axes = {"loss": -points.loss, "tokens": np.log(points.tokens), "compute": np.log(compute)}
    inside = np.ones(points.size, dtype=bool)
    for x in axes.values():
        inside &= within_others(x, size)
    if not inside.any():
        raise DataError(
            f"{points.label}: no size lies within the loss, tokens and compute of the others"
        )
    misses = {
        axis: left_out_errors(x, points.ability, size, inside) * abs(points.best - points.chance)
        for axis, x in axes.items()
    }
    errors = {axis: float(np.sqrt(np.mean(miss**2))) for axis, miss in misses.items()}
    crossings = {
        axis: np.array([_half_way(x, points, size == s) for s in range(sizes.size)])
        for axis, x in axes.items()
    }
    crossings = {a: -c if a == "loss" else np.exp(c) for a, c in crossings.items()}
    clear = _clear(misses, errors, size[inside])
    asked = int(inside.sum())
    return Alignment(points, errors, asked, clear=clear, sizes=sizes, crossings=crossings)


def _clear(misses: dict[str, FloatArray], errors: dict[str, float], size: IntArray) -> bool:
    """Does the best axis beat the second by more than sizes differ in that?"""
    first, second = sorted(errors, key=lambda axis: errors[axis])[:2]
    gain = misses[second] ** 2 - misses[first] ** 2
    by_size = np.array([gain[size == s].mean() for s in np.unique(size)])
    if by_size.size < 2:
        return False
    return bool(by_size.mean() > by_size.std(ddof=1) / np.sqrt(by_size.size))


def _half_way(x: FloatArray, points: Points, mine: BoolArray) -> float:
    """Place where the curve of one size passes half ability; NaN where it does not."""
    places, level = monotone_curve(x[mine], points.ability[mine])
    return float("nan") if level[0] >= HALF else reached(places, level, HALF)
