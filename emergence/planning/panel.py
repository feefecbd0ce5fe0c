r"""Panel: every family at its best on the same points, weighted by evidence.

The weight of a family is :math:`w_k \propto e^{-\mathrm{BIC}_k / 2}` (Schwarz 1978; Raftery 1995,
Sociol. Methodol. 25, 111), thresholds and smooth curves in one panel.  At a loss each family gives
a score and, by the curvature of its sum of squares, an error; together they are a mixture.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy.special import stdtr

from emergence._typing import FloatArray
from emergence.curves.catalogue import COMPETING
from emergence.engine.contest import VISIBLE, Candidate, smooth_contest, threshold_contest
from emergence.engine.grid import flat_bic
from emergence.engine.problem import Problem
from emergence.engine.replicates import local_scale
from emergence.records.points import Points

_STARTS = 2
_BISECTIONS = 60
# Directions of the parameters that the data do not know at all.
_BLIND = 1e-14


@dataclass(frozen=True, eq=False)
class Mixture:
    """Student t distributions (families, places) with one weight for each family.

    ``dof`` is one number, or one for each place.
    """

    weights: FloatArray
    centre: FloatArray
    scale: FloatArray
    dof: FloatArray | float

    @property
    def mean(self) -> FloatArray:
        """Mean at each place."""
        mean: FloatArray = self.weights @ self.centre
        return mean

    @property
    def variance(self) -> FloatArray:
        """Squared scales and the spread between the families, at each place."""
        variance: FloatArray = self.weights @ (self.scale**2 + (self.centre - self.mean) ** 2)
        return variance

    def wider(self, extra: FloatArray | float, dof: FloatArray | float) -> Self:
        """Same mixture with a variance added to every component, and its degrees of freedom."""
        return replace(self, scale=np.sqrt(self.scale**2 + extra), dof=dof)

    def quantile(self, p: float) -> FloatArray:
        """Quantile at each place, by bisection of the distribution function."""
        reach = 1e3 * self.scale.max(axis=0) + 1e-9
        low, high = self.centre.min(axis=0) - reach, self.centre.max(axis=0) + reach
        safe = np.maximum(self.scale, 1e-12)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            below = self.weights @ stdtr(self.dof, (middle - self.centre) / safe) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        middle = 0.5 * (low + high)
        return middle


@dataclass(frozen=True, eq=False)
class Panel:
    """Fitted families of both sides, best first, and their common residual variance."""

    problem: Problem
    families: tuple[Candidate, ...]
    weights: FloatArray
    variance: float

    @property
    def names(self) -> list[str]:
        """Names of the families."""
        return [c.family.name for c in self.families]

    @cached_property
    def score_sd(self) -> float:
        """Standard deviation of one score of a new run at the lowest losses, ability scale."""
        sd = score_sd(self.problem, self.variance)
        if self.problem.run is None:
            return sd
        # Where runs leave a plateau at losses of their own, scores scatter most below it.
        best = self.families[0].ability(self.problem.x)
        residual = self.problem.wy - self.problem.white(best[None])[0]
        return sd * max(float(local_scale(residual)[0]), 1.0) if residual.any() else sd

    @property
    def over_flat(self) -> float:
        """BIC of a constant above that of the best family."""
        return flat_bic(self.problem) - self.families[0].bic

    @property
    def rise(self) -> float:
        """How much ability the best family gains over the losses it was fitted to."""
        fitted = self.families[0].ability(self.problem.x)
        return float(fitted.max() - fitted.min())

    @cached_property
    def _inverses(self) -> list[FloatArray]:
        """Inverse information of the parameters of every family, errors of variance one."""
        out: list[FloatArray] = []
        for c in self.families:
            design = self.problem.white(_slopes(c, self.problem.x))
            inverse = np.linalg.pinv(design @ design.T, rcond=_BLIND, hermitian=True)
            out.append(np.asarray(inverse, dtype=float))
        return out

    def at(self, x: FloatArray) -> Mixture:
        """What the families say at places on the canonical axis."""
        centre, scale, least = [], [], worst(self.problem.points)
        for c, inverse in zip(self.families, self._inverses, strict=True):
            slopes = _slopes(c, x)
            spread = np.einsum("in,ij,jn->n", slopes, inverse, slopes) * self.variance
            # An ability lies between worst and best, however steep a curve may run.
            centre.append(np.clip(c.ability(x), least, 1.0))
            scale.append(np.sqrt(np.clip(spread, 0.0, 1.0)))
        dof = max(self.problem.n - self.families[0].n_params, 1)
        return Mixture(self.weights, np.array(centre), np.array(scale), float(dof))


def _slopes(c: Candidate, x: FloatArray) -> FloatArray:
    """Derivatives by the parameters that were fitted."""
    return c.jacobian(x, level=c.family.free_floor or bool(c.amps[0]))


def score_sd(problem: Problem, variance: float) -> float:
    """Standard deviation of one score of a new run, given the variance of whitened residuals."""
    noise = problem.run_model.noise
    if noise is None or noise.innovation_var <= 0:
        return float(np.sqrt(variance))
    # A new run draws an offset of its own, and a stationary error, not an innovation.
    share = noise.offset_var / noise.innovation_var + 1.0 / (1.0 - noise.rho**2)
    return float(np.sqrt(variance * share))


def worst(points: Points) -> float:
    """Lowest ability that a forecast may take: chance, or the lowest score seen."""
    return min(0.0, float(points.ability.min()))


# A rise that is S-shaped from chance is in the panel already, as the logistic curve.
_ONSETS = tuple(f for f in COMPETING if not f.like)


def fit_panel(problem: Problem) -> Panel:
    """Fit every family of both sides; the plateau of onsets is chance unless visibly not."""
    found = list(smooth_contest(problem).refined(_STARTS))
    if problem.etas().size > 1:  # else nearly all points share one loss
        known, free = (
            threshold_contest(problem, _ONSETS, fit_level=level).refined(_STARTS)
            for level in (False, True)
        )
        found += [b if a.bic - b.bic > VISIBLE else a for a, b in zip(known, free, strict=True)]
    found.sort(key=lambda c: c.bic)
    # Relative to the best, so that none but hopeless families underflow.
    weights = np.exp(-0.5 * (np.array([c.bic for c in found]) - found[0].bic))
    best = found[0]
    return Panel(
        problem, tuple(found), weights / weights.sum(), best.rss / max(problem.n - best.n_params, 1)
    )
