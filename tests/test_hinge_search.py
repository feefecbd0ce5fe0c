"""The exact search against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from emergence.engine import hinge_search
from emergence.engine.hinge_search import pairs_hinge, search_hinge


def brute_gain(x: np.ndarray, y: np.ndarray, w: np.ndarray, free: bool) -> tuple[float, float]:
    """Best gain over every kink by least squares on each interval; and the total."""
    root = np.sqrt(w)
    base = float((w * (y - (np.average(y, weights=w) if free else 0.0)) ** 2).sum())

    def solve(columns: list[np.ndarray]) -> tuple[float, np.ndarray]:
        design = np.column_stack(columns) * root[:, None]
        coef = np.linalg.lstsq(design, y * root, rcond=1e-12)[0]
        return base - float(((design @ coef - y * root) ** 2).sum()), coef

    ones, best = np.ones(x.size), 0.0
    u = np.unique(x)
    for eta in u[1:]:
        gain, coef = solve([np.maximum(eta - x, 0.0), *([ones] if free else [])])
        best = max(best, gain if coef[0] > 0 else 0.0)
    for a, b in pairwise(u[1:]):
        low = x <= a
        gain, coef = solve([low * 1.0, low * x, *([~low * 1.0] if free else [])])
        if coef[1] < 0 and a < ((coef[2] if free else 0.0) - coef[0]) / coef[1] < b:
            best = max(best, gain)
    return best, base


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.one_of(st.integers(4, 40), st.integers(4, 500)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = np.sort(rng.uniform(1.5, 3.5, n))
    if draw(st.booleans()):
        x = np.sort(np.round(x, draw(st.integers(1, 2))))  # ties
    eta, sd = draw(st.floats(1.4, 3.6)), draw(st.sampled_from([0.0, 0.02, 0.5]))
    y = draw(st.sampled_from([0.0, 0.5, 2.0])) * np.maximum(eta - x, 0.0) + rng.normal(0, sd, n)
    w = rng.uniform(0.05, 4.0, n) if draw(st.booleans()) else np.ones(n)
    if np.unique(x).size < 3:
        x = np.linspace(1.5, 3.5, n)
    return x, y, w


@pytest.mark.parametrize("free", [False, True], ids=["chance known", "plateau fitted"])
@settings(max_examples=500)
@given(problem=problems())
def test_agrees_with_brute_force(
    free: bool, problem: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    x, y, w = problem
    found = search_hinge(x, y, w, fit_plateau=free)
    best, base = brute_gain(x, y, w, free)
    scale = float((w * y * y).sum()) + 1e-300
    assert abs(found.gain[0] - best) <= 1e-10 * scale
    # The parameters returned do reach the gain that is claimed.
    center = np.average(y, weights=w) if free else 0.0
    fit = center + found.plateau[0] + found.slope[0] * np.maximum(found.eta[0] - x, 0.0)
    assert abs(base - float((w * (y - fit) ** 2).sum()) - found.gain[0]) <= 1e-9 * scale


def test_batch_equals_single_fits() -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(1.7, 3.2, 37))
    y = 0.5 * np.maximum(2.2 - x, 0.0) + rng.normal(0, 0.05, (50, 37))
    for free in (False, True):
        batch = search_hinge(x, y, fit_plateau=free)
        singles = [search_hinge(x, row, fit_plateau=free) for row in y]
        np.testing.assert_array_equal(batch.eta, [s.eta[0] for s in singles])


def test_counts_equal_repeated_points() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(1.7, 3.2, 40))
    y = 0.5 * np.maximum(2.4 - x, 0.0) + rng.normal(0, 0.02, 40)
    count = rng.integers(0, 4, 40)
    weighted = search_hinge(x, y, count)
    repeated = search_hinge(np.repeat(x, count), np.repeat(y, count))
    np.testing.assert_allclose(weighted.eta, repeated.eta, rtol=1e-12)
    np.testing.assert_allclose(weighted.gain, repeated.gain, rtol=1e-10)


def test_falling_scores_have_no_hinge() -> None:
    x = np.linspace(1.0, 2.0, 20)
    found = search_hinge(x, x - 2.5)
    assert found.gain[0] == 0.0
    assert found.slope[0] == 0.0


def test_pairs_bootstrap_centers_on_the_estimate() -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(1.7, 3.2, 200))
    y = 0.5 * np.maximum(2.2 - x, 0.0) + rng.normal(0, 0.01, 200)
    draws = pairs_hinge(x, y, 500, np.random.default_rng(3))
    assert draws.eta.size == 500
    assert abs(np.median(draws.eta) - search_hinge(x, y).eta[0]) < 0.01
    again = pairs_hinge(x, y, 500, np.random.default_rng(3))
    np.testing.assert_array_equal(draws.eta, again.eta)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [8, 60, 700])
def test_the_compiled_kernel_gives_the_same(
    n: int, ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba", reason="the compiled kernel needs numba (extra: fast)")
    rng = np.random.default_rng(n)
    x = np.sort(np.round(rng.uniform(1.7, 3.2, n), 2 if ties else 9))
    y = 0.5 * np.maximum(2.2 - x, 0) + rng.normal(0, 0.02, n)
    w = rng.uniform(0.2, 3, n)
    compiled = pairs_hinge(x, y, 501, np.random.default_rng(1), w)
    monkeypatch.setattr(hinge_search, "_kernel", lambda: None)
    plain = pairs_hinge(x, y, 501, np.random.default_rng(1), w)
    total = float((w * y * y).sum())
    np.testing.assert_allclose(compiled.gain, plain.gain, rtol=1e-9, atol=1e-12 * total)
    if n > 8:  # few distinct points leave several kinks that are equally good
        np.testing.assert_allclose(compiled.eta, plain.eta, rtol=1e-9)
        np.testing.assert_allclose(compiled.slope, plain.slope, rtol=1e-7, atol=1e-12)
