"""Covariance of runs, estimated around the best curve of either side."""

from dataclasses import replace

import numpy as np

from emergence._residuals import exact
from emergence.curves.catalogue import COMPETING
from emergence.engine.contest import VISIBLE, Candidate, Contest, both_plateaus, smooth_contest
from emergence.engine.problem import Problem, with_run_noise
from emergence.noise.runs import RunNoise, fit_run_noise

_ROUNDS = 3
_ETAS = 40
# Errors that follow each other know a jump from one in the next gap, so each gap is tried.
_GAPS = 400
_GRADUAL = tuple(f for f in COMPETING if not f.jumps)
_JUMPS = tuple(replace(f, grid=f.grid[::4]) for f in COMPETING if f.jumps)
_NONE = RunNoise(offset_var=0.0, innovation_var=1e-30, rho=0.0)  # where scores have no errors
# Residuals do not feel where exactly in its cell the optimum is.
_TOLERANCE = 1e-4


def structured(problem: Problem) -> Problem:
    """Problem whitened by the covariance of its runs, if it has any."""
    # The curve and the covariance are fitted in turn, each given the other. The curve is the best
    # of both sides, so that neither is favoured.
    if problem.run is None:
        return problem
    ar1 = problem.run_model.name != "offset"
    before, reached = problem, np.inf
    for turn in range(_ROUNDS + 1):
        best, level = best_curve(problem)
        # Errors that follow each other ask little of where a curve stands, and a curve beside the
        # scores leaves such errors: without a gain in likelihood the two lead each other astray.
        value = best.bic + problem.log_det
        if turn > 1 and value >= reached:
            return before
        residual = (problem.y - best.ability(problem.x)) * problem.root_w
        if exact(residual, problem.y * problem.root_w):
            return with_run_noise(problem, _NONE)
        if turn == _ROUNDS:
            break
        design = best.jacobian(problem.x, level=level) * problem.root_w
        noise = fit_run_noise(residual, problem.run, problem.rank, design, problem.root_w, ar1=ar1)
        if noise == problem.run_model.noise:
            break
        before, reached, problem = problem, value, with_run_noise(problem, noise)
    return problem


def best_curve(problem: Problem) -> tuple[Candidate, bool]:
    """Best curve by BIC, and whether it has a fitted constant."""
    # A coarse grid of thresholds says which; its parameters are then polished.
    etas, gaps = problem.etas(_ETAS), problem.etas(_GAPS)
    ranked: list[tuple[float, Contest, str]] = []
    problem = problem.condensed
    smooth = smooth_contest(problem)
    for c in smooth.candidates():
        ranked.append((c.bic, smooth, c.family.name))
    tried = both_plateaus(problem, _GRADUAL, etas), both_plateaus(problem, _JUMPS, gaps)
    for onsets in (contest for pair in tried for contest in pair):
        for c in onsets.candidates():
            ranked.append((c.bic + VISIBLE * onsets.fit_level, onsets, c.family.name))
    _, contest, name = min(ranked, key=lambda entry: entry[0])
    best = contest.only(name).refined(tolerance=_TOLERANCE)[0]
    return best, contest.fit_level or best.family.free_floor
