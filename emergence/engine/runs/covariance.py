"""Covariance of runs, estimated around the best curve of either side."""

from dataclasses import replace

import numpy as np

from emergence._residuals import exact
from emergence.curves.catalogue import COMPETING, smooth_families
from emergence.engine.contest import VISIBLE, Candidate, Contest, crossed, first_looks
from emergence.engine.problem import Problem, with_run_noise
from emergence.noise.runs import RunNoise, fit_run_noise

_ROUNDS = 3
_ETAS = 40
# Errors that follow each other know a jump from one in the next gap, so each gap is tried.
_GAPS = 400
_ONSETS = tuple(replace(f, grid=f.grid[::4]) if f.jumps else f for f in COMPETING)
_NONE = RunNoise(offset_var=0.0, innovation_var=1e-30, rho=0.0)  # where scores have no errors
# Residuals do not feel where exactly in its cell the optimum is.
_TOLERANCE = 1e-4


def structured(problem: Problem) -> Problem:
    """Problem whitened by the covariance of its runs, if it has any."""
    # The curve and the covariance are fitted in turn, each given the other. The curve is the best
    # of both sides, so that neither is favoured.
    if problem.run is None:
        return problem
    before, reached = problem, np.inf
    for turn in range(_ROUNDS + 1):
        best, level = best_curve(problem)
        # Errors that follow each other ask little of where a curve stands, and a curve beside the
        # scores leaves such errors: without a gain in likelihood the two lead each other astray.
        value = best.bic + problem.log_det
        if turn > 1 and value >= reached:
            return before
        noise = noise_around(problem, best, level=level)
        if noise == _NONE:  # which a last round, too, may find
            return with_run_noise(problem, noise)
        if turn == _ROUNDS or noise == problem.run_model.noise:
            break
        before, reached, problem = problem, value, with_run_noise(problem, noise)
    return problem


def noise_around(problem: Problem, best: Candidate, *, level: bool) -> RunNoise:
    """Covariance of the runs around one curve, ``level`` if it has a fitted constant."""
    assert problem.run is not None
    residual = (problem.y - best.ability(problem.x)) * problem.root_w
    if exact(residual, problem.y * problem.root_w):
        return _NONE
    design = best.jacobian(problem.x, level=level) * problem.root_w
    ar1 = problem.run_model.name != "offset"
    return fit_run_noise(residual, problem.run, problem.rank, design, problem.root_w, ar1=ar1)


def best_curve(problem: Problem) -> tuple[Candidate, bool]:
    """Best curve by BIC, and whether it has a fitted constant."""
    # A coarse grid of thresholds says which; its parameters are then polished.
    etas = {True: problem.etas(_GAPS), False: problem.etas(_ETAS)}
    problem = problem.condensed
    grids = [(f, f.grid) for f in smooth_families(problem.scale)]
    grids += [(f, crossed(f, etas[f.jumps])) for f in _ONSETS]
    at_chance, free = first_looks(problem, grids)
    ranked = [(value, False, family) for value, family in at_chance]
    for value, family in free:
        onset = family.side == "threshold"
        ranked.append((value + VISIBLE * onset, onset, family))
    _, level, family = min(ranked, key=lambda entry: entry[0])
    where = etas[family.jumps] if family.side == "threshold" else None
    best = Contest(problem, (family,), where, level).refined(tolerance=_TOLERANCE)[0]
    return best, level or family.free_floor
