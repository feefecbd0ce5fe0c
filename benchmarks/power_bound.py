r"""How often could any test tell a kink from a smooth curve?

    python benchmarks/power_bound.py

The most powerful test of one known curve against another at level a is the likelihood ratio
(Neyman & Pearson 1933); for gaussian noise of standard deviation s its power is
:math:`\Phi(\sqrt{\lambda} - z_{1-a})` with :math:`\lambda = \sum_i (f_i - g_i)^2 / s^2`.  With g
the logistic nearest to the kink f of scenario S1 this bounds the power of every test that
holds its level on logistic curves, however much it knew about eta and the slope.
"""

from __future__ import annotations

import numpy as np
from machine import write
from scenarios import ETA
from scipy.optimize import least_squares
from scipy.stats import norm

from emergence.curves.onsets.hinge import hinge
from emergence.curves.smooth.logistic import logistic

CHANCE, SLOPE, SD, LEVEL, DRAWS = 0.25, 0.5, 0.02, 0.05, 400


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


def main() -> None:
    lines = ["| n | floor of the logistic | power of any test at 5%, at most |", "|---|---|---|"]
    for n in (60, 120, 200):
        for free in (True, False):
            floor = "free" if free else "known chance"
            lines.append(f"| {n} | {floor} | {bound(n, free_floor=free):.3f} |")
    write("power_bound", "Bound on the power in S1", "\n".join(lines))


if __name__ == "__main__":
    main()
