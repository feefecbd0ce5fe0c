"""Plateau: is the level above the threshold chance, or a level to be fitted?"""

from __future__ import annotations

from typing import Literal

from emergence.contest import Contest, threshold_contest
from emergence.families import Family
from emergence.problem import Problem

Plateau = Literal["auto", "chance", "fitted"]
PLATEAUS = ("auto", "chance", "fitted")

# A fitted plateau must beat chance by this much BIC to be called visible.
VISIBLE = 10.0


def with_plateau(problem: Problem, families: tuple[Family, ...], plateau: Plateau) -> Contest:
    """Contest with the plateau at chance or fitted; ``auto`` decides by what is visible."""
    if plateau != "auto":
        return threshold_contest(problem, families, fit_level=plateau == "fitted")
    known = threshold_contest(problem, families, fit_level=False)
    free = threshold_contest(problem, families, fit_level=True)
    column = problem.wy[:, None]
    if known.best(column)[0] - free.best(column)[0] <= VISIBLE:
        return known
    # On the grid alone very precise data could prefer a fitted plateau for its flexibility.
    best = [min(c.bic for c in side.refined()) for side in (known, free)]
    return free if best[0] - best[1] > VISIBLE else known
