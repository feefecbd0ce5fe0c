from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from emergence import fit_threshold, simulate
from emergence._random import as_seed, child
from emergence.engine.problem import make_problem
from emergence.engine.replicates import ErrorModel, local_scale, replicas
from emergence.noise.runs import RunNoise, fit_run_noise
from emergence.noise.scores import precision
from emergence.records.as_points import as_points


@pytest.mark.parametrize(("offset", "rho"), [(0.0, 0.0), (0.02, 0.6), (0.03, 0.0)])
def test_run_noise_recovers_its_parameters(offset: float, rho: float) -> None:
    truth = RunNoise(offset**2, 0.02**2 * (1 - rho**2), rho)
    run, rank = np.repeat(np.arange(40), 25), np.tile(np.arange(25), 40)
    errors = truth.simulate(run, rank, 1, np.random.default_rng(0))[:, 0]
    found = fit_run_noise(errors, run, rank, np.ones((1, errors.size)), np.ones(errors.size))
    assert found.rho == pytest.approx(rho, abs=0.08)
    assert np.sqrt(found.offset_var) == pytest.approx(offset, abs=0.008)


def test_simulated_errors_have_the_moments_they_should() -> None:
    noise = RunNoise(0.04, 0.75, 0.5)  # stationary variance 1
    run, rank = np.repeat([0, 1], 4), np.tile(np.arange(4), 2)
    draws = noise.simulate(run, rank, 40_000, np.random.default_rng(1))
    cov = np.cov(draws)
    assert cov[0, 0] == pytest.approx(1.04, abs=0.03)
    assert cov[0, 1] == pytest.approx(0.54, abs=0.03)
    assert cov[0, 2] == pytest.approx(0.29, abs=0.03)
    assert cov[0, 5] == pytest.approx(0.0, abs=0.03)


def test_weights_follow_from_what_the_points_carry() -> None:
    loss, value = np.linspace(2, 3, 20), np.linspace(0.9, 0.5, 20).round(2)
    assert precision(as_points(loss, value)).name == "gaussian"
    counts = precision(as_points(loss, value, n_items=100))
    assert counts.name == "binomial"
    # Variance p (1 - p) / m: a share near 0.9 is known better than one near 0.5.
    assert counts.weights[0] > 2 * counts.weights[-1]
    given_weights = precision(as_points(loss, value, n_items=100, weights=2.0))
    assert set(given_weights.weights) == {2.0}


def test_a_lucky_zero_does_not_get_an_infinite_weight() -> None:
    loss = np.linspace(2, 3, 40)
    value = np.where(loss < 2.3, 0.3, 0.0)
    weights = precision(as_points(loss, value, n_items=50)).weights
    assert weights.max() / weights.min() < 50


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_canonical_form_forgets_order_and_unit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    loss, value = np.round(rng.uniform(1.7, 3.2, 30), 2), rng.uniform(size=30)
    run = rng.integers(0, 4, 30)
    tokens = rng.permutation(30) + 1.0
    a = make_problem(as_points(loss, value, run=run, tokens=tokens))
    order = rng.permutation(30)
    b = make_problem(as_points(4 * loss[order], value[order], run=run[order], tokens=tokens[order]))
    for name in ("x", "y", "root_w", "run", "rank"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (np.diff(a.x) >= 0).all()


def test_runs_of_one_checkpoint_are_independent_points() -> None:
    p = simulate(n=20, rng=0).select()
    assert make_problem(p).run is None
    assert make_problem(simulate(n=20, n_runs=4, rng=0).select()).run is not None


def test_streams_depend_on_seed_and_purpose_alone() -> None:
    seed = as_seed(5)
    assert child(seed, 1).integers(1 << 30) == child(as_seed(5), 1).integers(1 << 30)
    assert child(seed, 1).integers(1 << 30) != child(seed, 2).integers(1 << 30)
    generator = as_seed(np.random.default_rng(5))
    assert child(generator, 1).integers(1 << 30) == child(generator, 1).integers(1 << 30)


def test_replicates_resample_the_residuals() -> None:
    problem = make_problem(simulate("flat", n=30, rng=1).select())
    ability = np.zeros(30)
    source = ErrorModel(problem, as_seed(0)).source(50, 1)
    errors = replicas(problem, ability, 1, source)
    pool = (problem.wy - problem.wy.mean()) * np.sqrt(30 / 29)
    assert errors.shape == (30, 50)
    assert np.isin(errors.round(12), pool.round(12)).all()


def test_local_scale_sees_where_errors_are_large() -> None:
    e = np.random.default_rng(0).normal(size=200)
    e[80:120] *= 5
    scale = local_scale(e)
    assert scale[90:110].min() > 2 * scale[:50].max()
    np.testing.assert_allclose(np.mean(local_scale(np.ones(50))), 1.0)


def test_runs_widen_the_interval() -> None:
    """Ignoring the runs would promise too much."""
    p = simulate("jump", n=72, n_runs=6, offset_sd=0.03, rho=0.6, rng=2).select()
    with_runs = fit_threshold(p, n_boot=199)
    assert "offset+ar1" in with_runs.noise["runs"]
    few = simulate("jump", n=72, n_runs=3, rng=2).select()
    assert any("only 3 runs" in w for w in fit_threshold(few, n_boot=199).warnings)


def test_a_score_of_many_items_keeps_its_weight_beside_scores_of_few() -> None:
    """The floor is of p (1 - p), not of the variance: that would level 12,000 items and 50."""
    few = simulate("hinge", n=40, noise="binomial", n_items=50, rng=1).select()
    many = simulate("hinge", n=40, noise="binomial", n_items=12_000, rng=2).select()
    both = as_points(
        np.append(few.loss, many.loss),
        np.append(few.value, many.value),
        chance=0.25,
        n_items=np.append(few.n_items, many.n_items),
        outliers="keep",
    )
    weights = precision(both, "binomial").weights
    assert np.median(weights[40:]) / np.median(weights[:40]) > 100
