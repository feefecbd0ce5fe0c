"""Covariance: the errors of runs, estimated around the best curve of either side."""

from __future__ import annotations

import numpy as np
import pytest

from emergence import simulate
from emergence.engine.problem import Problem, make_problem
from emergence.engine.runs.covariance import structured


def problem(**options: object) -> Problem:
    return make_problem(simulate("hinge", **({"n": 240, "rng": 2} | options)).select())  # type: ignore[arg-type]


def test_independent_errors_need_no_covariance() -> None:
    alone = problem()
    assert structured(alone) is alone


@pytest.mark.parametrize(("offset", "rho"), [(0.05, 0.0), (0.0, 0.7), (0.03, 0.6)])
def test_offsets_and_autocorrelation_are_found_again(offset: float, rho: float) -> None:
    """Medians over 20 data sets of 12 runs; ability is score over .75."""
    found = []
    for seed in range(20):
        noise = structured(problem(n_runs=12, offset_sd=offset, rho=rho, rng=seed)).run_model.noise
        assert noise is not None
        found.append((0.75 * np.sqrt(noise.offset_var), noise.rho))
    deviation, correlation = np.median(found, axis=0)
    assert deviation == pytest.approx(offset, abs=0.012)
    assert correlation == pytest.approx(rho, abs=0.12)


def test_whitened_errors_are_independent_and_of_one_variance() -> None:
    p = structured(problem(n_runs=12, offset_sd=0.05, rho=0.7, n=1200))
    truth = np.maximum(2.2 - p.points.loss, 0.0) * 0.5 / 0.75
    rest = p.wy - p.white(truth[None])[0]
    lag = [
        float(np.corrcoef(rest[mine][:-1], rest[mine][1:])[0, 1])
        for r in range(12)
        for mine in [np.flatnonzero(p.run == r)[np.argsort(p.rank[p.run == r])]]
    ]
    assert abs(float(np.mean(lag))) < 0.1


def test_neither_side_is_favoured() -> None:
    """The residuals are those of the best curve, so a smooth truth leaves no false correlation."""
    points = simulate("logistic", n=240, n_runs=12, rng=3).select()
    noise = structured(make_problem(points)).run_model.noise
    assert noise is not None
    assert noise.rho < 0.3


def test_a_jump_that_no_coarse_grid_meets_is_not_taken_for_errors_that_follow_each_other() -> None:
    """One run: a jump drawn beside its gap bears out errors that ask nothing of where it stands."""
    found = []
    for seed in range(12):
        records = simulate("jump", n=80, n_runs=1, rho=0.5, sd=0.01, rng=seed)
        noise = structured(make_problem(records.select())).run_model.noise
        assert noise is not None
        found.append(noise.rho)
    assert max(found) < 0.9
    assert np.median(found) == pytest.approx(0.5, abs=0.15)
