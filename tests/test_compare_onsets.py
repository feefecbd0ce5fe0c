"""Kink, step, or both."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emergence import Points, compare_onsets, simulate


def step(rng: int) -> Points:
    return simulate(lambda x: 0.15 * (x < 2.2), n=120, rng=rng).select()


@pytest.mark.parametrize(
    ("points", "label"),
    [
        (simulate("hinge", n=200, rng=1).select(), "kink"),
        (simulate("jump", n=200, rng=1).select(), "step and slope"),
        (step(3), "step"),
    ],
)
def test_clear_cases(points: Points, label: str) -> None:
    result = compare_onsets(points, n_boot=199)
    assert result.label == label
    assert result.reason.startswith(f"{label}: ")
    assert json.dumps(result.to_dict(), allow_nan=False)
    assert abs(result.eta["step and slope"] - 2.2) < 0.15


def test_a_kink_is_seldom_called_a_jump() -> None:
    """60 data sets; 5% of them and three standard errors."""
    p_values = [
        compare_onsets(simulate("hinge", rng=300 + i).select(), n_boot=99).p_kink for i in range(60)
    ]
    assert sum(p <= 0.05 for p in p_values) <= 8


def test_row_order_changes_nothing() -> None:
    p = step(1)
    shuffled = p.where(np.random.default_rng(0).permutation(p.size))
    assert compare_onsets(p, n_boot=99).to_dict() == compare_onsets(shuffled, n_boot=99).to_dict()


@pytest.mark.parametrize("seed", range(6))
def test_the_three_models_take_runs_in_one_way(seed: int) -> None:
    points = simulate("hinge", n=45, n_runs=3, eta_sd=0.1, sd=0.06, rng=seed).select()
    result = compare_onsets(points, n_boot=99)
    methods = {result.interval(m).method for m in ("kink", "step", "step and slope")}
    assert len(methods) == 1


def test_one_run_that_rises_among_others_is_compared_alone() -> None:
    """Else one of the models would be fitted to it, and the others to all runs."""
    rng, run = np.random.default_rng(1), np.repeat(np.arange(5), 24)
    loss = np.tile(np.linspace(3.3, 1.8, 24), 5) + rng.normal(0, 0.002, run.size)
    value = 0.25 + np.where(run == 2, 0.1 * (loss < 2.5) + 0.9 * np.maximum(2.5 - loss, 0.0), 0.0)
    value += rng.normal(0, 0.01, run.size)
    found = compare_onsets(loss, value, chance=0.25, run=run, n_boot=199)
    assert found.label == "step and slope"
    assert all(abs(eta - 2.5) < 0.15 for eta in found.eta.values())
