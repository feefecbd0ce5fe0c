r"""How often could any test tell a sudden foot from a gradual one, or a kink from a logistic?

    python benchmarks/power_bound.py

The most powerful test of one known curve against another at level a is the likelihood ratio
(Neyman & Pearson 1933); for gaussian noise of standard deviation s its power is
:math:`\Phi(\sqrt{\lambda} - z_{1-a})` with :math:`\lambda = \sum_i (f_i - g_i)^2 / s^2`.  With g
the logistic nearest to the kink f of scenario S1 this bounds the power of every test that
holds its level on logistic curves, however much it knew about eta and the slope.

For the verdict g is the nearest of all its curves on the other side of the claim (rho of at least
1/4 for "emergent"; a smaller one, or an onset of which little plateau was seen, for "smooth"), at
losses that are spread evenly.  No rule that is wrong in 5% of data sets of that g decides more
often.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from machine import write
from scenarios import ETA, UNLISTED
from scipy.optimize import least_squares
from scipy.stats import norm

from emergence import Points
from emergence._typing import BoolArray
from emergence.curves.catalogue import SIMULATED
from emergence.curves.family import Gain
from emergence.curves.onsets.hinge import hinge
from emergence.curves.smooth.logistic import logistic
from emergence.engine.limits.hypothesis import Hypothesis
from emergence.engine.limits.pool import CurveSet, every_curve
from emergence.engine.limits.search import Search
from emergence.engine.problem import make_problem
from emergence.verdicts.trial.evidence import RHO, SHORT

CHANCE, SLOPE, SD, LEVEL, DRAWS = 0.25, 0.5, 0.02, 0.05, 400
LIMIT, ROUNDS = -2.0, 80  # log2 of rho; rounds of the search, which ends before


def distance(loss: np.ndarray, *, free_floor: bool) -> float:
    """Lambda: squared distance to the nearest logistic, in units of the noise."""
    kink = hinge(loss, ETA, SLOPE, CHANCE)

    def off(p: np.ndarray) -> np.ndarray:
        floor = p[3] if free_floor else CHANCE
        return (logistic(loss, p[0], np.exp(p[1]), p[2], floor) - kink) / SD

    starts = [[1.95, -2.3, 0.26, CHANCE], [1.8, -2.0, 0.4, CHANCE]]
    starts = [start if free_floor else start[:3] for start in starts]
    return 2.0 * float(min(least_squares(off, start).cost for start in starts))


def bound(n: int, *, free_floor: bool) -> float:
    """Mean bound over draws of n losses, uniform on 1.7 to 3.2."""
    rng = np.random.default_rng([n, free_floor])
    far = [distance(rng.uniform(1.7, 3.2, n), free_floor=free_floor) for _ in range(DRAWS)]
    return float(norm.cdf(np.sqrt(far) - norm.ppf(1.0 - LEVEL)).mean())


def of_claim() -> dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], np.ndarray]]:
    """Truths with the label that is right, their gain, and where the losses lie."""
    few = np.concatenate([even(6, 1.7, ETA), even(54, ETA, 3.2)])
    named = {
        "S1": ("emergent", "hinge", even(60)),
        "S4": ("emergent", "power", even(60)),
        "S5": ("emergent", "hinge", few),
        "sqrt": ("emergent", "sqrt", even(60)),
        "S6a": ("smooth", "logistic", even(60)),
        "S6c": ("smooth", "linear", even(60)),
        "S6c, n = 150": ("smooth", "linear", even(150)),
    }
    found = {k: (label, at_eta(SIMULATED[f]), x) for k, (label, f, x) in named.items()}
    others = {"p^5": 60, "p^5, n = 150": 150, "probit": 60}
    return found | {
        name: ("smooth", UNLISTED[name.split(",")[0]][1], even(n)) for name, n in others.items()
    }


def at_eta(gain: Gain) -> Callable[[np.ndarray], np.ndarray]:
    """Gain of a simulated curve by the loss alone."""
    return lambda loss: gain(loss, ETA)


def even(n: int, low: float = 1.7, high: float = 3.2) -> np.ndarray:
    """Losses in the middles of n equal parts."""
    return low + (high - low) * (np.arange(n) + 0.5) / n


def nearest(gain: np.ndarray, loss: np.ndarray, label: str) -> tuple[float, str]:
    """Lambda of the nearest curve on the other side, and its family."""
    # What is emergent has a small rho, so a curve of a large one is the other side.
    emergent = label == "emergent"
    other = Hypothesis(RHO if emergent else SHORT, LIMIT, at_least=emergent)
    problem = make_problem(Points(loss, CHANCE + gain, chance=CHANCE))
    pool = every_curve(problem)

    def allowed(curves: CurveSet) -> BoolArray:
        return np.asarray(other.level(curves) >= 0)

    found = []
    for which, family in enumerate(pool.families):
        if np.isfinite(pool.of(which, allowed)[1]).any():
            search = Search(pool, which, allowed, first=True)
            search.go(ROUNDS)
            off = (search.found.ability(problem.x) - problem.y) * (1.0 - CHANCE) / SD
            found.append((float(off @ off), family.name))
    return min(found)


def main() -> None:
    lines = ["| n | floor of the logistic | power of any test at 5%, at most |", "|---|---|---|"]
    for n in (60, 120, 200):
        for free in (True, False):
            floor = "free" if free else "known chance"
            lines.append(f"| {n} | {floor} | {bound(n, free_floor=free):.3f} |")
    what = "power of any rule wrong in 5% of that curve, at most"
    head = f"| truth | label that is right | nearest curve of the other side | {what} |"
    lines += ["", head, "|---|---|---|---|"]
    for name, (label, gain, loss) in of_claim().items():
        far, family = nearest(gain(loss), loss, label)
        power = norm.cdf(np.sqrt(far) - norm.ppf(1.0 - LEVEL))
        lines.append(f"| {name} | {label} | {family.replace('_', ' ')} | {power:.3f} |")
    write("power_bound", "Bounds on power", "\n".join(lines))


if __name__ == "__main__":
    main()
