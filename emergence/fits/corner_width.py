r"""How sharp is the corner?  An upper bound for the width of the transition.

No finite data tell a kink from a very short bend.  Every onset shape f(d) is softened by

.. math:: d \to w \log(1 + e^{(\eta - L) / w}),

(a jump's step by the logistic of the same argument).  A width w is rejected when the best
curve of that width is worse than the best sharper one by more than a bootstrap under it
allows; the bound is the largest w that is not.
"""

from dataclasses import replace

import numpy as np

from emergence._typing import FloatArray
from emergence.curves.family import Family
from emergence.engine.contest import Contest, threshold_contest
from emergence.engine.grid import TIE
from emergence.engine.replicates import ErrorSource, replicas

_WIDTHS = np.geomspace(0.003, 0.6, 10)
_ETAS = 31


def softened(family: Family, width: float) -> Family:
    """Family with its corner softened; ``width`` on the canonical axis."""

    def basis(x: FloatArray, theta: FloatArray) -> FloatArray:
        z = (theta[:, :1] - x) / width
        # Any shape takes a depth: given the softened one, it is the same shape with a bend.
        soft_depth = width * np.logaddexp(0.0, z)
        there = theta[:, :1] - soft_depth
        rows = family.basis(there, theta)
        if family.jumps:  # a step has no depth to soften: it becomes a logistic
            rows += 1.0 / (1.0 + np.exp(-np.clip(z, -500, 500))) - (there < theta[:, :1])
        return rows

    return replace(family, basis=basis)


def width_bound(contest: Contest, errors: ErrorSource, alpha: float = 0.05) -> float:
    """Upper bound of the corner's width, nats; infinite where the widest tried is not rejected."""
    problem = contest.problem
    ladder = _ladder(contest)
    column = problem.wy[:, None]
    criteria = np.array([step.best(column)[0] for step in ladder])

    def p_value(i: int) -> float:
        """Test of the width at step i against all sharper ones."""
        null = min(ladder[i].candidates(), key=lambda c: c.bic)
        columns = replicas(problem, null.ability(problem.x), null.n_params - 1, errors)
        steps = ladder[: i + 1]
        values = np.array([step.shortlist(columns).best(columns) for step in steps])
        simulated = values[-1] - values.min(axis=0)
        observed = criteria[i] - criteria[: i + 1].min()
        return float((1 + np.sum(simulated >= observed - TIE)) / (1 + simulated.size))

    # Bisection between the sharp corner, which no wider one can reject, and the widest.
    inside, outside, p_in, p_out = 0, len(ladder) - 1, 1.0, p_value(len(ladder) - 1)
    if p_out > alpha:
        return float("inf")
    while outside - inside > 1:
        middle = (inside + outside) // 2
        p = p_value(middle)
        if p > alpha:
            inside, p_in = middle, p
        else:
            outside, p_out = middle, p
    if inside == 0:
        return float(_WIDTHS[0] * problem.span)
    # Where the p-value crosses alpha, linear in log width between the two.
    share = (p_in - alpha) / (p_in - p_out)
    low, high = np.log(_WIDTHS[inside - 1]), np.log(_WIDTHS[outside - 1])
    return float(np.exp(low + share * (high - low)) * problem.span)


def _ladder(contest: Contest) -> list[Contest]:
    """Contests of one width each, the sharp corner first, over thresholds near the best."""
    problem = contest.problem
    edge = problem.etas()[[0, -1]]
    center = float(min(contest.candidates(), key=lambda c: c.bic).theta[0])
    # A softened onset fits best with its eta shifted, by up to a few widths.
    etas = np.linspace(max(center - 0.3, edge[0]), min(center + 0.3, edge[1]), _ETAS)
    families = contest.families
    steps = [families, *(tuple(softened(f, w) for f in families) for w in _WIDTHS)]
    return [
        threshold_contest(problem, step, fit_level=contest.fit_level, etas=etas) for step in steps
    ]
