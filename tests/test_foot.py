"""Foot: how sudden a curve begins, and the tests of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from emergence import classify, simulate
from emergence.curves.catalogue import ONSETS, SMOOTH
from emergence.curves.family import Scale
from emergence.curves.foot import feet
from emergence.curves.truths import draw_truth
from emergence.engine.limits.hypothesis import STEPS
from emergence.engine.limits.tables import least_sum, levels as levels_of

ETA = (2.2 - 1.7) / 1.5  # of the scenarios, on the axis from 0 to 1


@pytest.mark.parametrize(
    ("name", "theta", "rho", "phi"),
    [
        ("hinge", [ETA], 0.105, 0.8),
        ("power", [ETA, 1.5], 0.151, 1.12),
        ("power", [ETA, 0.5], 0.030, 0.32),
        ("logistic", [ETA, 0.1], 0.489, 1.69),
        ("linear", [], 4.0, 0.8),
    ],
)
def test_known_values(name: str, theta: list[float], rho: float, phi: float) -> None:
    """A hinge by hand: 5% at .95 eta, 25% at .75 eta, so F = .2 eta and P = 1 - .95 eta."""
    found = feet((ONSETS | SMOOTH)[name], np.array([theta]), 0.0, 1.0)
    assert found.rho[0] == pytest.approx(rho, abs=0.001)
    assert found.phi[0] == pytest.approx(phi, abs=0.005)
    if name == "hinge":
        assert found.rho[0] == pytest.approx(0.2 * ETA / min(1 - 0.95 * ETA, 1.9 * ETA), abs=1e-4)


@pytest.mark.parametrize("name", sorted(ONSETS | SMOOTH))
def test_bisection_finds_what_a_fine_grid_finds(name: str) -> None:
    family = (ONSETS | SMOOTH)[name].on(Scale(1.7, 1.5))
    theta = family.grid[:: max(1, len(family.grid) // 7)]
    if family.side == "threshold":
        theta = np.insert(theta, 0, 0.6, axis=1)
    found = feet(family, theta, 0.0, 1.0)
    x = np.linspace(0.0, 1.0, 20_001)
    for i, row in enumerate(family.basis(x, theta)):
        if row[0] - row[-1] < 1e-6:
            continue  # a tail that lies outside: nothing but rounding is left of its gain
        share = (row - row[-1]) / (row[0] - row[-1])
        assert found.onset[i] == pytest.approx(x[share >= 0.05].max(), abs=2e-4)
        foot = x[share >= 0.05].max() - x[share >= 0.25].max()
        assert found.foot[i] == pytest.approx(foot, abs=2e-4)


@given(st.integers(0, 2**31))
@settings(max_examples=40)
def test_truths_drawn_at_random_know_themselves(seed: int) -> None:
    truth = draw_truth(np.random.default_rng(seed))
    onset, rho = truth.foot()
    assert 1.7 <= onset <= 3.2
    assert rho >= 0
    if np.isfinite(truth.eta):
        assert np.ptp(truth.gain(np.linspace(truth.eta + 1e-6, 3.2, 50))) < 1e-9


def test_a_random_truth_is_described_beside_its_records() -> None:
    frame = simulate("random", n=40, rng=3).to_frame()
    assert len(frame) == 40
    assert frame["source"].str.contains(r"eta .*, onset \d\.\d+, rho \d").all()


def test_intervals_hold_estimates_and_known_truths() -> None:
    verdict = classify(simulate("hinge", n=120, rng=2).select(), n_boot=199)
    low, high = verdict.interval("rho", 0.9)
    assert low <= verdict.evidence.rho <= high
    assert low < 0.105 < high
    onset = verdict.interval("onset", 0.9)
    assert onset.low < 2.2 - 0.05 * 0.5 < onset.high
    with pytest.raises(Exception, match="eta"):
        verdict.interval("nonsense")


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_levels_that_add_up_are_those_of_every_combination(parts: int) -> None:
    """The least sum over curves whose levels add up to 0 or more, against all combinations."""
    rng, levels = np.random.default_rng(parts), np.arange(-STEPS, STEPS + 1)
    at_least = [np.sort(rng.exponential(size=(levels.size, 3)), axis=0) for _ in range(parts)]
    total, reached = np.zeros((1, 3)), np.zeros(1)
    for table in at_least:
        total = (total[:, None] + table).reshape(-1, 3)
        reached = (reached[:, None] + levels).ravel()
    np.testing.assert_allclose(least_sum(at_least), total[reached >= 0].min(axis=0))
    for j in range(3):
        chosen = np.array(levels_of([table[:, j] for table in at_least]))
        best = sum(table[level + STEPS, j] for table, level in zip(at_least, chosen, strict=True))
        assert chosen.sum() >= 0
        assert best == pytest.approx(total[reached >= 0][:, j].min())


def test_one_of_the_two_sides_always_holds_the_best_curve() -> None:
    for shape in ("jump", "hinge", "logistic", "linear"):
        e = classify(simulate(shape, rng=4).select(), n_boot=99).evidence
        assert max(e.p_gradual, e.p_sudden) == 1.0
        assert e.p_short >= e.p_sudden


def test_a_kink_of_little_plateau_is_not_called_smooth() -> None:
    points = [simulate("hinge", eta=2.75, n=60, rng=seed).select() for seed in range(12)]
    labels = [classify(p, n_boot=99).label for p in points]
    assert labels.count("smooth") <= 2  # a tenth
