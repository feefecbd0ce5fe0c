"""Random effects against statsmodels and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest

from emergence.noise.random_effects import fit_random_effects


def test_agrees_with_a_grid_search_of_the_restricted_likelihood() -> None:
    rng = np.random.default_rng(2)
    y, s2 = rng.normal(2.2, 0.05, 7), rng.uniform(1e-4, 9e-4, 7)

    def deviance(tau: float) -> float:
        w = 1.0 / (s2 + tau**2)
        mean = (w * y).sum() / w.sum()
        return float(-np.log(w).sum() + np.log(w.sum()) + (w * (y - mean) ** 2).sum())

    grid = np.linspace(0.0, 0.2, 20001)
    best = grid[np.argmin([deviance(t) for t in grid])]
    fit = fit_random_effects(y, np.diag(s2), np.ones((7, 1)))
    assert fit.tau == pytest.approx(best, abs=2e-4)
    w = 1.0 / (s2 + fit.tau**2)
    assert fit.beta[0] == pytest.approx((w * y).sum() / w.sum(), rel=1e-12)
    assert fit.covariance[0, 0] == pytest.approx(1.0 / w.sum(), rel=1e-12)


def test_equal_estimates_have_no_spread_and_shrink_fully() -> None:
    fit = fit_random_effects(np.full(5, 2.2), np.eye(5) * 1e-4, np.ones((5, 1)))
    assert fit.tau == 0.0
    assert fit.predicted == pytest.approx(np.full(5, 2.2))
    assert fit.tau_interval(0.95)[0] == 0.0


def test_shrinkage_draws_the_poorly_known_most() -> None:
    y = np.array([2.0, 2.1, 2.2, 2.3, 2.4])
    sigma = np.diag([1e-4, 1e-4, 1e-4, 1e-4, 4e-2])
    fit = fit_random_effects(y, sigma, np.ones((5, 1)))
    drawn = np.abs(fit.predicted - y) / np.abs(y - fit.beta[0])
    assert drawn[4] > 0.5 > drawn[0]


def test_two_effects_and_a_high_level_have_a_spread_that_reaches_far() -> None:
    low, high = fit_random_effects(
        np.array([0.0, 1.0]), 0.01 * np.eye(2), np.ones((2, 1))
    ).tau_interval(0.99)
    assert low < 0.7 < 100 < high < np.inf


def test_intervals_cover_in_small() -> None:
    """300 sets of 8 effects: the mean's and the spread's 95% intervals."""
    rng, sigma = np.random.default_rng(0), np.eye(8) * 0.01**2
    hits = np.zeros(2)
    for _ in range(300):
        y = 2.2 + 0.02 * rng.standard_normal(8) + 0.01 * rng.standard_normal(8)
        fit = fit_random_effects(y, sigma, np.ones((8, 1)))
        low, high = fit.tau_interval(0.95)
        hits += (abs(fit.beta[0] - 2.2) <= fit.margin(0.95), low <= 0.02 <= high)
    assert (hits >= 0.91 * 300).all()  # 3 standard errors below
