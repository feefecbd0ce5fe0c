r"""How sharp is the corner?  An upper bound for the width of the transition.

No finite data tell a kink from a very short bend.  Every onset shape f(d) is softened by

.. math:: d \to w \log(1 + e^{(\eta - L) / w}),

(a jump's step by the logistic of the same argument), and the bound is the largest w whose
likelihood ratio to the best w is within the one-sided 95% point of a chi-square.
"""

from __future__ import annotations

import numpy as np

from emergence._typing import FloatArray
from emergence.contest import Candidate, threshold_contest
from emergence.families import JUMP, THRESHOLD_FAMILIES, Family, eta_grid
from emergence.noise import RunNoise
from emergence.problem import Problem

_CRITICAL = 2.706  # 90% point of chi-square with 1 degree of freedom: 95% one-sided
_WIDTHS = np.geomspace(0.002, 0.6, 20)


def softened(family: Family, width: float) -> Family:
    """Family with its corner softened; ``width`` on the canonical axis."""

    def basis(x: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
        z = (theta[:, :1] - x) / width
        soft_depth = width * np.logaddexp(0.0, z)
        parts = family.basis(theta[:, :1] - soft_depth, theta)
        if family is JUMP:
            return (1.0 / (1.0 + np.exp(-np.clip(z, -500, 500))), parts[1])
        return parts

    return Family(
        family.name, family.side, family.n_params, family.free_floor, basis, family.grid
    )


def width_bound(problem: Problem, best: Candidate, fit_level: bool, noise: RunNoise | None) -> float:
    """Upper 95% bound of the width of the corner, in units of loss.

    Infinite when even the widest corner tried (0.6 of the loss range) is not rejected.
    Correlated checkpoints count as n (1 - rho) / (1 + rho).
    """
    edge = eta_grid(problem.x)[[0, -1]]
    # A softened onset fits best with its eta shifted, by up to a few widths.
    centre = float(best.theta[0])
    etas = np.linspace(max(centre - 0.3, edge[0]), min(centre + 0.3, edge[1]), 61)
    column = problem.wy[:, None]
    criterion = np.array(
        [
            threshold_contest(
                problem,
                tuple(softened(f, w) for f in THRESHOLD_FAMILIES),
                fit_level=fit_level,
                etas=etas,
            ).best(column)[0]
            for w in _WIDTHS
        ]
    )
    sharp = threshold_contest(problem, THRESHOLD_FAMILIES, fit_level=fit_level)
    lowest = min(float(criterion.min()), float(sharp.best(column)[0]))
    shrink = 1.0 if noise is None else (1.0 - noise.rho) / (1.0 + noise.rho)
    ratio = (criterion - lowest) * shrink - _CRITICAL
    fits = np.flatnonzero(ratio <= 0)
    if fits.size == 0:
        return float(_WIDTHS[0] * problem.span)
    last = int(fits[-1])
    if last == _WIDTHS.size - 1:
        return float("inf")
    # Between the last width that fits and the first that does not: linear in log w.
    share = ratio[last] / (ratio[last] - ratio[last + 1])
    log_w = (1 - share) * np.log(_WIDTHS[last]) + share * np.log(_WIDTHS[last + 1])
    return float(np.exp(log_w) * problem.span)
