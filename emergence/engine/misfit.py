"""Misfit: what the best curve of a problem leaves unexplained, in words.

Signs that no shape describes the points (:mod:`emergence.noise.misfit`), errors that follow each
other so closely that they could hide any curve, and a fit that rests on a single point.
"""

import numpy as np

from emergence._residuals import exact
from emergence.curves.family import depth
from emergence.engine.contest import Candidate
from emergence.engine.problem import Problem
from emergence.noise.misfit import leverage, signs

_BENDS = 40  # places where a second bend is looked for
# Errors this close to each other, with a mean this far from zero in root mean squares, hide curves.
_CLOSE, _ASIDE = 0.95, 0.3
_RESTS = 0.5  # leverage of a score that a curve takes half of its height from


def misfit(problem: Problem, best: Candidate) -> tuple[str, ...]:
    """Warn where the residuals, whitened, say that no shape fits."""
    etas = problem.etas(_BENDS)
    residual = problem.wy - problem.white(best.ability(problem.x)[None])[0]
    if exact(residual, problem.wy):
        return ()
    bends = problem.white(depth(problem.x, etas[:, None]))
    return signs(residual, _design(problem, best), bends, problem.low + problem.span * etas)


def at_edge(problem: Problem) -> str:
    """Say that errors of runs were estimated at the end of their range; empty where they are not.

    There the residuals of the curve are no errors: what runs differ by, or a course that no curve
    here takes, goes into them.
    """
    noise = problem.run_model.noise
    edge = "" if noise is None else noise.at_edge
    return f"{edge}: the scores may not follow this curve" if edge else ""


def hidden(problem: Problem, best: Candidate) -> str:
    """Why errors that follow each other make the curve unknown; empty where they do not."""
    noise = problem.run_model.noise
    rest = (problem.y - best.ability(problem.x)) * problem.root_w
    aside = abs(float(rest.mean())) > _ASIDE * float(np.sqrt(np.mean(rest**2)))
    if noise is None or noise.rho < _CLOSE or not aside:
        return ""
    return (
        f"the errors of a run follow each other so closely ({noise.rho:.2f}) that the best curve "
        "passes to one side of the scores: no curve here describes them"
    )


def resting_on(problem: Problem, best: Candidate) -> str:
    """The one point that a curve rests on, in words; empty where there is none."""
    # Of the height of the curve: where it stands is known by a few points at the best of times.
    rows = [best.ability(problem.x) - best.amps[0]]
    if best.amps[0]:
        rows.append(np.ones(problem.n))
    pull = leverage(problem.white(np.array(rows)))
    i = int(pull.argmax())
    if pull[i] < _RESTS:
        return ""
    points = problem.points
    return f"the score {points.value[i]:.3g} at loss {points.shown_loss[i]:.4g}"


def _design(problem: Problem, best: Candidate) -> np.ndarray:
    level = best.family.free_floor or bool(best.amps[0])
    return problem.white(best.jacobian(problem.x, level=level))
