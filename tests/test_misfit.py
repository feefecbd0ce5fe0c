"""Misfit: points that no shape describes are told from those that one does."""

from __future__ import annotations

import numpy as np
import pytest

from emergence import fit_threshold, simulate
from emergence.engine.replicates import trend_scale
from emergence.noise.misfit import order_in, second_bend


def _two_waves(loss: np.ndarray) -> np.ndarray:
    first = -np.expm1(-8.0 * np.maximum(2.6 - loss, 0.0))
    return 0.1 * first - 0.3 * np.expm1(-8.0 * np.maximum(2.0 - loss, 0.0))


def _warned(shape: object, seed: int) -> bool:
    fit = fit_threshold(simulate(shape, n=60, rng=seed).select(), n_boot=99)  # type: ignore[arg-type]
    return any("no shape fits" in w for w in fit.warnings)


def test_two_waves_are_said() -> None:
    assert sum(_warned(_two_waves, seed) for seed in range(10)) >= 8


@pytest.mark.parametrize("shape", ["hinge", "jump", "saturating", "sigmoid", "ceiling"])
def test_sound_points_are_left_in_peace(shape: str) -> None:
    assert sum(_warned(shape, seed) for seed in range(12)) <= 2


def test_order_in_residuals_is_about_normal() -> None:
    rng = np.random.default_rng(0)
    draws = np.array([order_in(rng.normal(size=80)) for _ in range(400)])
    assert abs(draws.mean()) < 0.3
    assert 0.85 < draws.std() < 1.15
    assert order_in(np.sin(np.linspace(0, 6, 80))) > 5


def test_a_second_bend_is_found_where_it_is_and_not_what_the_fit_could_say_itself() -> None:
    rng, x = np.random.default_rng(1), np.linspace(0, 1, 100)
    places = np.linspace(0.1, 0.9, 17)
    bends = np.maximum(places[:, None] - x, 0.0)
    noise = rng.normal(0, 0.01, 100)
    design = np.array([np.ones(100), x])
    basis = np.linalg.qr(design.T)[0]

    def left(y: np.ndarray) -> np.ndarray:
        return y - basis @ (basis.T @ y)

    best, gain = second_bend(left(noise + bends[8]), design, bends)
    assert (best, gain > 50) == (8, True)
    assert second_bend(left(noise + 3 * x), design, bends)[1] < 14


def test_uneven_errors_are_seen_and_even_ones_left_alone() -> None:
    rng, x = np.random.default_rng(2), np.linspace(0, 1, 150)
    even = [trend_scale(x, rng.normal(size=150)) for _ in range(100)]
    assert np.mean([scale.std() > 0 for scale in even]) < 0.15
    grown = [trend_scale(x, rng.normal(size=150) * np.exp(1.5 * x)) for _ in range(50)]
    ratio = np.median([scale[-1] / scale[0] for scale in grown])
    assert 3.0 < ratio < 6.0  # e^1.5 is 4.5
