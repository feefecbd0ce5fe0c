"""Shapes in natural units: what a person reads of a fitted onset."""

from __future__ import annotations

from dataclasses import dataclass

from emergence.contest import Candidate
from emergence.problem import Problem


@dataclass(frozen=True)
class ShapeFit:
    """Threshold under one shape: its eta, parameters in natural units, and criterion."""

    shape: str
    eta: float
    params: dict[str, float]
    plateau: float
    bic: float


def shape_fit(problem: Problem, c: Candidate) -> ShapeFit:
    """Parameters in natural units: scores in the metric's units, losses in nats."""
    points = problem.points
    scale = points.best - points.chance
    name, a = c.family.name, c.amps[1:] * scale
    params: dict[str, float]
    if name == "hinge":
        params = {"slope": float(a[0] / problem.span)}
    elif name == "power":
        g = float(c.theta[1])
        params = {"amplitude": float(a[0] / problem.span**g), "exponent": g}
    elif name in ("saturating", "sigmoid"):
        params = {"amplitude": float(a[0]), "rate": float(c.theta[1] / problem.span)}
    elif name == "step":
        params = {"jump": float(a[0])}
    else:
        params = {"jump": float(a[0]), "slope": float(a[1] / problem.span)}
    level = float(points.chance + c.amps[0] * scale)
    return ShapeFit(name, problem.to_loss(float(c.theta[0])), params, level, c.bic)
